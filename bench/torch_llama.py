"""The decoder of the benchmarks as a PyTorch user would write it well.

Same sizes and mathematics as the models in `crates/prentice-model`: pre-norm blocks, rotary positions on half-split
heads, grouped-query attention, SwiGLU, tied embeddings. Query, key and value share one linear layer, and so do gate and
up, since that is faster in PyTorch. Attention is the library's fused kernel (`scaled_dot_product_attention` with
`is_causal` and `enable_gqa`, its flash kernel on a CPU). Rows are plain causal: there is no document mask, which only
helps PyTorch.
"""

import dataclasses

import torch
import torch.nn.functional as F
from torch import nn


@dataclasses.dataclass
class Config:
    vocabulary: int = 8192
    hidden: int = 256
    layers: int = 6
    heads: int = 4
    key_value_heads: int = 2
    head_size: int = 64
    intermediate: int = 704
    epsilon: float = 1e-5
    rope_theta: float = 10000.0
    positions: int = 1024


class Norm(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(config.hidden))
        self.epsilon = config.epsilon

    def forward(self, x):
        return F.rms_norm(x, self.weight.shape, self.weight, self.epsilon)


def rotary_table(config):
    frequencies = config.rope_theta ** (-torch.arange(0, config.head_size, 2).float() / config.head_size)
    angles = torch.outer(torch.arange(config.positions).float(), frequencies)
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos(), angles.sin()


def rotate(x, cos, sin):
    left, right = x.chunk(2, dim=-1)
    return x * cos + torch.cat((-right, left), dim=-1) * sin


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        rows = (config.heads + 2 * config.key_value_heads) * config.head_size
        self.query_key_value = nn.Linear(config.hidden, rows, bias=False)
        self.output = nn.Linear(config.heads * config.head_size, config.hidden, bias=False)

    def project(self, x, cos, sin):
        config, (batch, length, _) = self.config, x.shape
        heads = self.query_key_value(x).view(batch, length, -1, config.head_size).transpose(1, 2)
        query, key, value = heads.split([config.heads, config.key_value_heads, config.key_value_heads], dim=1)
        return rotate(query, cos, sin), rotate(key, cos, sin), value

    def merge(self, attended):
        return self.output(attended.transpose(1, 2).flatten(2))

    def forward(self, x, cos, sin):
        query, key, value = self.project(x, cos, sin)
        return self.merge(F.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True))

    def extend(self, x, cos, sin, cache, start):
        """Attention of new positions to themselves and to the `start` positions that the cache holds already."""
        query, key, value = self.project(x, cos, sin)
        end = start + x.shape[1]
        cache[0][:, :, start:end] = key
        cache[1][:, :, start:end] = value
        # With an empty cache the new positions are a causal square, otherwise there is one position, which sees all.
        assert start == 0 or x.shape[1] == 1
        attended = F.scaled_dot_product_attention(
            query, cache[0][:, :, :end], cache[1][:, :, :end], is_causal=start == 0, enable_gqa=True
        )
        return self.merge(attended)

    def extend_static(self, x, cos, sin, cache, position, visible):
        """The same for one position, with shapes that do not depend on it, so that a compiler sees one graph."""
        query, key, value = self.project(x, cos, sin)
        cache[0].index_copy_(2, position, key)
        cache[1].index_copy_(2, position, value)
        attended = F.scaled_dot_product_attention(query, *cache, attn_mask=visible, enable_gqa=True)
        return self.merge(attended)


class FeedForward(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.gate_up = nn.Linear(config.hidden, 2 * config.intermediate, bias=False)
        self.down = nn.Linear(config.intermediate, config.hidden, bias=False)

    def forward(self, x):
        gate, up = self.gate_up(x).chunk(2, dim=-1)
        return self.down(F.silu(gate) * up)


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.attention_norm, self.attention = Norm(config), Attention(config)
        self.feed_forward_norm, self.feed_forward = Norm(config), FeedForward(config)


class Llama(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embedding = nn.Embedding(config.vocabulary, config.hidden)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = Norm(config)
        cos, sin = rotary_table(config)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        for parameter in self.parameters():
            if parameter.dim() >= 2:
                nn.init.normal_(parameter, std=0.02)

    def run_blocks(self, tokens, positions, attend):
        x = self.embedding(tokens)
        cos, sin = self.cos[positions].to(x.dtype), self.sin[positions].to(x.dtype)
        for layer, block in enumerate(self.blocks):
            x = x + attend(layer, block.attention, block.attention_norm(x), cos, sin)
            x = x + block.feed_forward(block.feed_forward_norm(x))
        return x

    def logits(self, x):
        return F.linear(self.norm(x), self.embedding.weight)

    def loss(self, tokens, targets):
        attend = lambda _, attention, x, cos, sin: attention(x, cos, sin)
        x = self.run_blocks(tokens, slice(0, tokens.shape[1]), attend)
        return F.cross_entropy(self.logits(x).view(-1, self.config.vocabulary), targets.view(-1))

    def new_cache(self, length):
        shape = (1, self.config.key_value_heads, length, self.config.head_size)
        weight = self.embedding.weight
        return [(weight.new_zeros(shape), weight.new_zeros(shape)) for _ in self.blocks]

    def last_logits(self, tokens, cache, start):
        """Logits after the last of `tokens`, which follow the `start` positions in the cache."""
        attend = lambda layer, attention, x, cos, sin: attention.extend(x, cos, sin, cache[layer], start)
        x = self.run_blocks(tokens, slice(start, start + tokens.shape[1]), attend)
        return self.logits(x[:, -1:])

    def last_logits_static(self, token, cache, position):
        visible = (torch.arange(cache[0][0].shape[2]) <= position)[None, None, None]

        def attend(layer, attention, x, cos, sin):
            return attention.extend_static(x, cos, sin, cache[layer], position, visible)

        return self.logits(self.run_blocks(token, position, attend))
