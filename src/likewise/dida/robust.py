"""Objectives that ask a model to do alike in every environment; here each training snapshot is one.

IRM (Arjovsky et al., arXiv:1907.02893, equation 4): mean of R_e + lambda mean of (d R_e(w logits) / dw at w = 1)^2
V-REx (Krueger et al., arXiv:2003.00688, equation 8): mean of R_e + lambda Var R_e
GroupDRO (Sagawa et al., arXiv:1911.08731, algorithm 1): sum of q_e R_e, with q_e multiplied by exp(eta R_e) each step
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Robust:
    """One of the objectives; the weights of GroupDRO's environments are its state."""

    def __init__(self, kind: str, strength: float, environments: int) -> None:
        """kind: "mean" (none of them), "irm", "vrex" or "groupdro"; strength: lambda, or eta."""
        self.kind, self.strength, self.count = kind, strength, environments
        self.shares = nn.Parameter(torch.full((environments,), 1 / environments), requires_grad=False)

    @property
    def state(self) -> dict[str, nn.Parameter]:
        """What a run must remember of it."""
        return {"shares": self.shares} if self.kind == "groupdro" else {}

    def __call__(self, logits: Tensor, labels: Tensor, environment: Tensor) -> Tensor:
        """The loss over P pairs; environment (P,): 0 to E - 1. Environments without pairs do not count."""
        labels = labels.to(logits.dtype)  # the loss would be rounded to theirs
        if self.kind == "mean":
            return F.binary_cross_entropy_with_logits(logits, labels)
        each = F.binary_cross_entropy_with_logits(logits, labels, reduction="none")
        return self._over(each, (torch.sigmoid(logits) - labels) * logits, environment)

    def classes(self, logits: Tensor, labels: Tensor, environment: Tensor) -> Tensor:
        """The loss over K nodes; logits (K, C), labels (K,) of classes."""
        each = F.cross_entropy(logits, labels, reduction="none")
        slopes = ((logits.softmax(1) - F.one_hot(labels, logits.shape[1])) * logits).sum(1)
        return each.mean() if self.kind == "mean" else self._over(each, slopes, environment)

    def _over(self, each: Tensor, slopes: Tensor, environment: Tensor) -> Tensor:
        """From every row's loss, and its derivative by a factor of the logits at 1."""
        size = torch.bincount(environment, minlength=self.count)
        there = size > 0
        risks = self._means(each, environment, size)[there]
        if self.kind == "irm":
            tilted = self._means(slopes, environment, size)[there]
            return risks.mean() + self.strength * tilted.square().mean()
        if self.kind == "vrex":
            return risks.mean() + self.strength * risks.var(unbiased=False)
        with torch.no_grad():
            raised = self.shares[there].double().log() + self.strength * risks.double()
            self.shares[there] = (raised.softmax(0) * self.shares[there].sum()).to(self.shares.dtype)
        return (self.shares[there] * risks).sum()

    def _means(self, each: Tensor, environment: Tensor, size: Tensor) -> Tensor:
        return each.new_zeros(self.count).index_add(0, environment, each) / size.clamp(min=1)
