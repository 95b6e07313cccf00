"""IQA-Spider: what is wrong with a picture, where, and how badly."""
