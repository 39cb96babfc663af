"""Records what the authors' Transformer1d gives for keyed weights and inputs: authors*.safetensors, read by the tests.

Run: python tests/magvlt/record_authors.py CHECKOUT, a checkout of github.com/kakaobrain/magvlt at its main branch. Only
its transformer is imported; the packages that its other modules ask for are replaced by empty ones. Its own functions
lay out the sequence and its masks, with the slots that our tests hide.
"""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import torch

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from magvlt_made import random_pair, tiny  # noqa: E402

from likewise import checkpoint, seeds  # noqa: E402
from likewise.magvlt import masking  # noqa: E402
from likewise.magvlt.config import Config  # noqa: E402


class Empty(ModuleType):
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (torch.nn.Module,), {})


def authors(checkout, shape):
    """Their model and a MaskGITModel around it, as far as its layout needs one."""
    for name in ("clip", "omegaconf", "pytorch_lightning", "einops", "torchvision"):
        sys.modules.setdefault(name, Empty(name))
    sys.modules["pytorch_lightning"].LightningModule = torch.nn.Module
    sys.path.insert(0, str(checkout))
    from magvlt.models.maskgit.maskgit import MaskGITModel
    from magvlt.models.stage2.transformers import Transformer1d
    from magvlt.models.utils import SPECIAL_TOKENS_HNH

    sizes = SimpleNamespace(
        embed_dim=shape.width, n_layers=shape.layers, n_heads=shape.heads, ctx_len_img=shape.image_slots,
        ctx_len_txt=shape.text_length, embd_pdrop=0.0, resid_pdrop=0.0, attn_pdrop=0.0, mlp_bias=True, attn_bias=True,
        gelu_use_approx=False, use_target_vocab_only=True, use_spc_pos=True, pos_emb_img_mode="la1d",
        pos_emb_txt_mode="la1d", pos_emb_spc_mode="la1d",
    )  # fmt: skip
    model = Transformer1d(shape.text_codes, shape.image_codes, sizes, SPECIAL_TOKENS_HNH)
    around = MaskGITModel.__new__(MaskGITModel)
    torch.nn.Module.__init__(around)
    around.model, around.use_spc_pos, around.use_hnh_task, around.use_cutmix_loss = model, True, True, False
    around.bot_idx = 2 + shape.image_slots + 1
    return model, around


def recorded(checkout, task, width):
    ours = tiny(width=width, length_mode="reference")
    model, around = authors(checkout, ours.shape)
    weights = ours.state_dict()
    lengths = weights.pop("length_predictor.weight")
    model.load_state_dict(weights)
    model.eval()
    shown = masking.hide(task, random_pair(ours.shape, 8, lengths=range(1, 9)), Config(), seeds.stream(7, task))
    name = {"it2it": "it2it-mask"}.get(task, task)
    tok, pos, image, text, special = around._get_input(shown.image, shown.text, task=name)
    hidden = torch.zeros_like(image)
    hidden[image] = shown.image_hidden.flatten()
    hidden[text] = shown.text_hidden.flatten()
    size, first = tok.shape[1], int(text[0].nonzero()[0])
    if task == "t2i":
        mask = torch.ones(8, size, size).bool()
        for i, n in enumerate(shown.length):
            mask[i, first + n : first + ours.shape.text_length, :] = False
            mask[i, :, first + n : first + ours.shape.text_length] = False
    else:
        mask = around._get_i2t_attn_mask(8, size, ours.shape.text_length, first, shown.length, "cpu")
    tok, special = around._apply_mask(tok, special, hidden, image, text)
    x = model(tok, pos, image, text, special, attn_mask=mask, amp=False)
    logits = model.lm_layer(x, model.tok_emb)
    found = {
        "image": logits[image][:, : ours.shape.image_codes].reshape(8, ours.shape.image_slots, -1),
        "text": logits[text][:, ours.shape.image_codes :].reshape(8, ours.shape.text_length, -1),
    }
    if task != "t2i":
        found["length"] = x[:, around.bot_idx] @ lengths.T
    return {f"{task}/{width}/{key}": value.detach() for key, value in found.items()}


def recorded_vqgan(checkout):
    """Codes and pictures of their VQGAN, small, with keyed weights; and the shapes of these."""
    authors(checkout, tiny().shape)
    sys.modules["einops"].rearrange = rearrange
    import magvlt.models.stage1.vqgan as theirs
    from test_magvlt_folders import keyed_tensor

    theirs.rearrange = rearrange
    sizes = {
        "double_z": False, "z_channels": 8, "resolution": 16, "in_channels": 3, "out_ch": 3, "ch": 32,
        "ch_mult": [1, 2], "num_res_blocks": 2, "attn_resolutions": [8],
    }  # fmt: skip

    class Sizes(dict):
        __getattr__ = dict.__getitem__

    model = theirs.VQGAN(12, 8, Sizes(sizes)).eval()
    model.load_state_dict({name: keyed_tensor(name, value.shape) for name, value in model.state_dict().items()})
    image = torch.rand(2, 3, 16, 16, generator=seeds.stream(0, "image"))
    with torch.no_grad():
        codes = model.get_codes(image * 2 - 1)
        drawn = (model.decode_code(codes.reshape(2, 8, 8)) * 0.5 + 0.5).clamp(0, 1)
    shapes = {f"shape/{name}": torch.tensor(value.shape) for name, value in model.state_dict().items()}
    return {"codes": codes.int(), "drawn": drawn.contiguous(), **shapes}


def rearrange(x, pattern):
    """The four patterns that their VQGAN asks einops for."""
    orders = {"b c h w -> b h w c": (0, 2, 3, 1), "b h w c -> b c h w": (0, 3, 1, 2), "n d -> d n": (1, 0)}
    return x.permute(*orders[pattern])


if __name__ == "__main__":
    tensors = {}
    for task in ("t2i", "i2t", "it2it"):
        for width in (32, 64):
            tensors |= recorded(Path(sys.argv[1]), task, width)
    checkpoint.write_tensors(HERE / "authors.safetensors", tensors)
    checkpoint.write_tensors(HERE / "authors_vqgan.safetensors", recorded_vqgan(Path(sys.argv[1])))
