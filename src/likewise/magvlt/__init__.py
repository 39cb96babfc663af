"""MAGVLT: one masked transformer that draws, describes and fills in (Kim et al., CVPR 2023)."""
