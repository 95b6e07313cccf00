"""The benchmarks themselves: what is read, asked and measured."""
