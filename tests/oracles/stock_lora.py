"""Stock diffusers reads LoRA files: python stock_lora.py PIPELINE LORA... writes .answers and .json beside each."""

import json
import logging
import sys
import warnings

warnings.filterwarnings("ignore", category=DeprecationWarning)  # of libraries about each other, at import
warnings.filterwarnings("ignore", category=FutureWarning)

import torch  # noqa: E402
from diffusers import StableDiffusionPipeline  # noqa: E402
from diffusers.utils import logging as diffusers_logging  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

folder, *files = sys.argv[1:]
said: list[str] = []
handler = logging.Handler(logging.WARNING)
handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
diffusers_logging.add_handler(handler)

for lora in files:
    pipeline = StableDiffusionPipeline.from_pretrained(folder, safety_checker=None)
    said.clear()
    pipeline.load_lora_weights(lora)
    unused = [message for message in said if "unexpected" in message or "missing" in message or "No LoRA" in message]

    facts = pipeline.unet.config
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(2, facts.in_channels, facts.sample_size, facts.sample_size, generator=generator)
    length, width = pipeline.tokenizer.model_max_length, pipeline.text_encoder.config.hidden_size
    text = torch.randn(2, length, width, generator=generator)
    with torch.no_grad():
        noise = pipeline.unet(latents, torch.tensor([10, 700]), encoder_hidden_states=text).sample
        ids = pipeline.tokenizer(["a photo of a dog"], padding="max_length", return_tensors="pt").input_ids
        encoded = pipeline.text_encoder(ids).last_hidden_state
    save_file({"noise": noise.contiguous(), "text": encoded.contiguous()}, f"{lora}.answers")
    zero = sorted(name for name, value in load_file(lora).items() if not value.any())
    with open(f"{lora}.json", "w") as file:
        json.dump({"adapters": pipeline.get_list_adapters(), "unused": unused, "zero": zero}, file)
