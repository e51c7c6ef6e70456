"""Tensors and pictures: networks, the body model and the predictors around them."""
