from tiny_models import backbone, folders, sd1, toybox

__all__ = ["backbone", "folders", "sd1", "toybox"]
