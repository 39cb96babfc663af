"""diffusers' samplers by short names, set up from a model's own noise schedule."""

import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import torch

from likewise.errors import SettingError

# name -> module, class, options that make it the sampler its name says
SOLVERS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "dpmsolver++": (
        "scheduling_dpmsolver_multistep",
        "DPMSolverMultistepScheduler",
        {"algorithm_type": "dpmsolver++", "solver_order": 2},
    ),
    "ddim": ("scheduling_ddim", "DDIMScheduler", {"clip_sample": False}),  # latents are not confined to [-1, 1]
    "euler": ("scheduling_euler_discrete", "EulerDiscreteScheduler", {}),
    "unipc": ("scheduling_unipc_multistep", "UniPCMultistepScheduler", {}),
}
NOISE_LEVELS = (
    "num_train_timesteps",
    "beta_start",
    "beta_end",
    "beta_schedule",
    "trained_betas",
    "prediction_type",
    "rescale_betas_zero_snr",
)


def build(config: Mapping[str, Any], name: str, steps: int, device: str | torch.device = "cpu") -> Any:
    """A diffusers scheduler with its timesteps set, on the device of the latents; all here are deterministic.

    config: the model's scheduler_config.json. When it describes this very class it is followed whole, so that stock
    diffusers draws the same; otherwise only the noise levels are taken, and timesteps are spaced from the noisy end
    ("trailing", arXiv:2305.08891), the end where sampling starts. SettingError for an unknown name or step count.
    """
    if name not in SOLVERS:
        raise SettingError("scheduler", name, f"it must be one of {', '.join(SOLVERS)}")
    limit = config.get("num_train_timesteps", 1000)
    if not 1 <= steps <= limit:
        raise SettingError("steps", steps, f"it must be 1 to {limit}")
    module, kind, options = SOLVERS[name]
    solver = getattr(import_module(f"diffusers.schedulers.{module}"), kind)
    if config.get("_class_name") == kind:
        settings = {key: value for key, value in config.items() if not key.startswith("_")}
    else:
        settings = {key: config[key] for key in NOISE_LEVELS if key in config} | {"timestep_spacing": "trailing"}
    known = inspect.signature(solver.__init__).parameters
    scheduler = solver(**{key: value for key, value in (settings | options).items() if key in known})
    scheduler.set_timesteps(steps, device=device)
    return scheduler
