"""The paper's figures (arXiv 2605.24553v1), as they stand in its tables."""

from __future__ import annotations

from typing import Final

from iqa_spider.evaluation.bench.benchmark import Column, PaperRow, Table

__all__ = ["TABLE_1", "TABLE_2", "TABLE_3", "TABLE_4", "TABLE_5", "TABLE_6"]

_PICTURES: Final = (
    "The paper's rows are of its own pictures: the protocol compares, the pictures do not."
)


def _rows(text: str) -> tuple[PaperRow, ...]:
    """Lines of ``method | figures``; a dash is a figure that is not given."""
    rows = []
    for line in text.strip().splitlines():
        method, figures = line.split("|")
        values = tuple(None if f == "-" else float(f) for f in figures.split())
        rows.append(PaperRow(method.strip(), values))
    return tuple(rows)


TABLE_1: Final = Table(
    "Answers in words (Table 1)",
    (
        Column("judge-global", "Global (0-10)", digits=2),
        Column("judge-local", "Local (0-10)", digits=2),
        Column("judge-grounding", "Grounding text (0-5)", digits=2),
        Column("short", "Ref short"),
        Column("long", "Ref long"),
    ),
    _rows("""
        Q-Instruct | 3.80 3.88 0.93 0.116 0.129
        Co-Instruct | 3.50 3.53 0.52 0.121 0.119
        DepictQA-Wild | 3.49 4.16 0.24 0.196 0.164
        Phi-3.5-Vision | 4.03 3.01 0.68 0.100 0.101
        Qwen2.5-VL-7B | 3.30 3.21 1.25 0.087 0.117
        Qwen3-VL | 5.90 5.45 0.70 0.126 0.176
        IQA-Spider, Phi-3.5-Vision | 6.17 6.55 2.29 0.321 0.290
        IQA-Spider, Qwen2.5-VL | 6.75 6.88 2.13 0.513 0.416
        IQA-Spider, Qwen3-VL | 7.12 7.10 2.41 0.594 0.484
    """),
    f"{_PICTURES} Its judge is GPT-4V; compare the first three columns with a run of an LMM judge only.",
)

TABLE_2: Final = Table(
    "Q-Bench-A1, LLVisionQA-dev, accuracy in % (Table 2)",
    (Column("accuracy", "Accuracy", 100.0, 2),),
    _rows("""
        Random guess | 37.80
        LLaVA-1.5-7B | 58.66
        LLaVA-1.5-13B | 62.14
        InternLM-XC-VL | 65.35
        mPLUG-Owl2 | 61.61
        Q-Instruct | 67.56
        IQA-Spider, Phi-3.5-Vision | 70.30
        IQA-Spider, Qwen2.5-VL | 73.24
        IQA-Spider, Qwen3-VL | 74.45
    """),
    "The same items as in the paper, if the data folder holds the whole dev split.",
)

TABLE_3: Final = Table(
    "Grounding, mIoU (Table 3)",
    (
        Column("iou-dao-g", "DAO-G"),
        Column("iou-hyd-g", "HyD-G"),
        Column("iou-sid-g", "SiD-G"),
        Column("iou", "Average"),
    ),
    _rows("""
        LISA-7B | 0.063 0.101 0.086 0.078
        Sa2VA-8B | 0.186 0.194 0.209 0.192
        Q-Instruct + text-to-point | 0.243 0.315 0.229 0.264
        Q-Ground (reproduced) | 0.192 0.176 0.202 0.190
        IQA-Spider, Phi-3.5-Vision | 0.375 0.354 0.342 0.364
        IQA-Spider, Qwen2.5-VL | 0.402 0.363 0.341 0.381
        IQA-Spider, Qwen3-VL | 0.439 0.396 0.313 0.408
    """),
    f"{_PICTURES} The average is over questions; the paper's is no mean of its columns either.",
)

TABLE_4: Final = Table(
    "Mix of training data (Table 4)",
    TABLE_1.columns,
    _rows("""
        I, ours | 7.01 7.07 2.42 0.541 0.458
        II | 6.99 7.03 2.53 0.542 0.466
        III | 7.00 6.86 2.36 0.547 0.476
        IV, all | 7.12 7.10 2.41 0.594 0.484
    """),
    "The paper's rows are of Qwen3-VL on its own pictures, judged by GPT-4V; which outside set its II and "
    "which its III adds is not told.",
)

TABLE_5: Final = Table(
    "Q-Ground-Test, mIoU (Table 5)",
    (Column("iou", "mIoU"),),
    _rows("""
        LISA | 0.227
        PixelLM | 0.252
        Q-Ground | 0.271
        IQA-Spider, Phi-3.5-Vision | 0.293
        IQA-Spider, Qwen2.5-VL | 0.295
        IQA-Spider, Qwen3-VL | 0.338
    """),
    "The paper does not print its formula of mIoU; ours is the mean over questions; see cIoU too.",
)

TABLE_6: Final = Table(
    "KADID-10K, SRCC and PLCC (Table 6)",
    (Column("five-srcc", "SRCC"), Column("five-plcc", "PLCC")),
    _rows("""
        MUSIQ | 0.556 0.575
        CLIP-IQA+ | 0.654 0.653
        MANIQA | 0.465 0.499
        Q-Instruct | 0.698 0.676
        IQA-Spider, Phi-3.5-Vision | 0.815 0.783
        IQA-Spider, Qwen2.5-VL | 0.706 0.711
        IQA-Spider, Qwen3-VL | 0.741 0.746
    """),
    "Ours: softmax over five levels, PLCC without a fit; the others stand below.",
)
