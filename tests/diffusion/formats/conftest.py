from tiny_models import folders

__all__ = ["folders"]
