"""Prints the folder of the installed PyTorch, whose lib folder holds LibTorch."""
import torch

print(torch.__path__[0])
