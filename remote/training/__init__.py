"""GRPO in plain torch, and the loop that runs it step by step.

Knows torch, transformers and safetensors; knows neither modal nor the dashboard.
"""
