"""Crops of people, written once and read in place of whole images."""

from .cached_dataset import crop_cache
from .crop_file import Crop, CropFile
from .transform import CropFromCache, RegionFromCache

__all__ = ['Crop', 'CropFile', 'CropFromCache', 'RegionFromCache', 'crop_cache']
