"""Export a model as one ONNX graph from crops to keypoints, and compare it with torch.

  python tools/export.py lsp14 --out lsp14.onnx --images photographs/
  python tools/export.py CONFIG CHECKPOINT --out model.onnx

Exit status: 0; 1 if the keypoints of the exported model are too far from those of torch; 2 if an argument is wrong.
"""

import argparse
import sys


def main() -> int:
    """Run the export; the exit status is documented at the top."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='config of the model, its name below configs/, or lsp14 or lsp14-small')
    parser.add_argument('checkpoint', nargs='?', help='weights of the config')
    parser.add_argument('--out', default='model.onnx', help='the file (default: %(default)s)')
    parser.add_argument('--flip', action='store_true', help='average with the mirrored crops: twice as slow')
    parser.add_argument('--fp16', action='store_true', help='16 bits for weights and activations of the network')
    parser.add_argument('--covariances', action='store_true', help='an output with the covariance of each joint')
    parser.add_argument('--calibration', help='file of tools/calibrate.py for this checkpoint, put into the metadata')
    parser.add_argument('--images', nargs='+', help="images to compare on (default: the config's test data)")
    parser.add_argument('--boxes', help='COCO json or CSV with the boxes of the people on these images')
    parser.add_argument('--tolerance', type=float, help='pixels (default: 0.001; 0.1 of 95 %% with --fp16)')
    arguments = parser.parse_args()
    images = arguments.images
    try:
        from mmpose_ext.apis.export import export_model  # here, because it takes seconds, and --help is quick

        report = export_model(
            arguments.config,
            arguments.checkpoint,
            arguments.out,
            flip=arguments.flip,
            fp16=arguments.fp16,
            covariances=arguments.covariances,
            calibration=arguments.calibration,
            images=images[0] if images and len(images) == 1 else images,
            boxes=arguments.boxes,
            tolerance=arguments.tolerance,
        )
    except (ValueError, ImportError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    print(f'wrote {report.path}')
    print(report)
    return 0 if report.is_met else 1


if __name__ == '__main__':
    sys.exit(main())
