"""Stock diffusers reads exported files: python stock_files.py JOBS.json, in a process where every warning is an error.

A job is {"family", "base", "load": {what: path}, "prompt", "out"}; `out`.safetensors gets the encoded prompt and the
network's answer to it, `out`.json what was loaded and what diffusers complained of.
"""

import json
import logging
import sys
import warnings
from pathlib import Path

warnings.filterwarnings("ignore", category=DeprecationWarning)  # of libraries about each other, at import
warnings.filterwarnings("ignore", category=FutureWarning)

import torch  # noqa: E402
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline  # noqa: E402
from diffusers.utils import logging as diffusers_logging  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

KINDS = {"sdxl": StableDiffusionXLPipeline}
COMPLAINTS = ("unexpected", "missing", "No LoRA", "not initialized", "newly")
said: list[str] = []
handler = logging.Handler(logging.WARNING)
handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
diffusers_logging.add_handler(handler)


def loaded(job):
    kind, load = KINDS.get(job["family"], StableDiffusionPipeline), job["load"]
    options = {} if job["family"] == "sdxl" else {"safety_checker": None}
    if "single-file" in load:
        return kind.from_single_file(load["single-file"], config=job["base"], local_files_only=True, **options)
    pipe = kind.from_pretrained(load.get("pipeline", job["base"]), **options)
    if "lora" in load:
        pipe.load_lora_weights(load["lora"])
    if "word" in load and job["family"] != "sdxl":
        pipe.load_textual_inversion(load["word"])
    elif "word" in load:  # word for word what README.txt says
        pipe.load_textual_inversion(load["word"], text_encoder=pipe.text_encoder, tokenizer=pipe.tokenizer)
        second = load["word"].replace("embeds", "embeds_2")
        pipe.load_textual_inversion(second, text_encoder=pipe.text_encoder_2, tokenizer=pipe.tokenizer_2)
    return pipe


def answers(pipe, prompt):
    found = pipe.encode_prompt(prompt, device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=False)
    text = {"embeds": found[0]} | ({"pooled": found[2]} if len(found) == 4 else {})
    config = pipe.unet.config
    latents = torch.randn(1, config.in_channels, 16, 16, generator=torch.Generator().manual_seed(0))
    side = 16 * pipe.vae_scale_factor
    more = {"text_embeds": text.get("pooled"), "time_ids": torch.tensor([[side, side, 0, 0, side, side]])}
    noise = pipe.unet(latents, torch.tensor([500]), encoder_hidden_states=text["embeds"], added_cond_kwargs=more).sample
    return {**text, "noise": noise}


for job in json.loads(Path(sys.argv[1]).read_text()):
    said.clear()
    pipe = loaded(job)
    with torch.no_grad():
        found = answers(pipe, job["prompt"])
    save_file({name: value.contiguous() for name, value in found.items()}, f"{job['out']}.safetensors")
    tokenizers = [pipe.tokenizer, *([pipe.tokenizer_2] if job["family"] == "sdxl" else [])]
    ids = [one(pipe.maybe_convert_prompt(job["prompt"], one)).input_ids for one in tokenizers]
    complaints = [message for message in said if any(mark in message for mark in COMPLAINTS)]
    adapters = pipe.get_list_adapters() if "lora" in job["load"] else {}
    Path(f"{job['out']}.json").write_text(json.dumps({"adapters": adapters, "complaints": complaints, "ids": ids}))
