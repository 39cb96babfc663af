"""What all ways of teaching a diffusion model from a few photos share: the plan, samples, memory, drawings."""
