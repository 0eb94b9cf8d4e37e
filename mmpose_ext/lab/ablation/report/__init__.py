"""Reports of ablation tables: figures as json, a Markdown and a self-contained HTML page of each, an index."""

from .collect import collect
from .overview import plot_overview
from .pages import render_pages
from .report import report_table

__all__ = ['collect', 'plot_overview', 'render_pages', 'report_table']
