"""Find the joints of the people in images, a video or a camera, and write them as COCO json and as drawings.

  python tools/predict.py photograph.jpg
  python tools/predict.py photographs/ --model CONFIG --weights CHECKPOINT.pth --detector DETECTOR.py DETECTOR.pth
  python tools/predict.py video.mp4 --weights model.onnx --detector human --track

Exit status: 0; 2 if an argument is wrong or the results cannot be written; 3 if some images could not be read (they
are named and skipped); 130 after Ctrl-C.
"""

import argparse
import sys


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        'source', nargs='+', help='image, folder, pattern, several of these images, video, stream or camera number'
    )
    parser.add_argument(
        '--model', help='lsp14 (default), lsp14-small, or the config of --weights, its file or its name below configs/'
    )
    parser.add_argument('--weights', help='checkpoint (.pth) of the config, or exported model (.onnx)')
    parser.add_argument('--out-dir', default='predictions', help='folder of the results (default: %(default)s)')
    people = parser.add_argument_group('people', 'by default each image shows one person, whom the model looks for')
    people.add_argument(
        '--detector', nargs='+', metavar=('CONFIG', 'WEIGHTS'), help='of MMDetection, or an alias such as human'
    )
    people.add_argument('--category', default='person', help='of the detector, name or number (default: %(default)s)')
    people.add_argument('--boxes', help='COCO json or CSV with the boxes of the people')
    people.add_argument('--box-thr', type=float, default=0.3, help='lowest score of a box (default: %(default)s)')
    people.add_argument('--track', action='store_true', help='number the people of a video')
    drawing = parser.add_argument_group('drawing')
    drawing.add_argument('--no-draw', action='store_true', help='write json alone')
    drawing.add_argument('--score-thr', type=float, default=0.3, help='lowest score of a drawn joint (default: 0.3)')
    running = parser.add_argument_group('running')
    running.add_argument('--no-flip', action='store_true', help='no average with the mirrored image: twice as fast')
    running.add_argument('--covariances', action='store_true', help='predict the covariance of each joint, too')
    running.add_argument('--calibration', help='file of tools/calibrate.py, applied to scores and covariances')
    running.add_argument('--batch-size', type=int, default=32, help='people at once (default: %(default)s)')
    running.add_argument('--device', default='auto', help='auto, cpu, cuda:0 ... (default: %(default)s)')
    running.add_argument('--resume', action='store_true', help='keep what an earlier run into --out-dir has done')
    running.add_argument('--quiet', action='store_true', help='no progress')
    arguments = parser.parse_args()
    if arguments.detector is not None and len(arguments.detector) > 2:
        parser.error('--detector takes a config and its weights, or an alias')
    return arguments


def main() -> int:
    """Run the prediction; the exit status is documented at the top."""
    arguments = parse_arguments()
    detector, detector_weights = [*(arguments.detector or []), None, None][:2]
    try:
        # here, because they take seconds: --help is quick, and Ctrl-C ends the program without a traceback
        from mmpose_ext.apis.predict import predict
        from mmpose_ext.runtime.drawing import DrawSettings

        result = predict(
            arguments.source[0] if len(arguments.source) == 1 else arguments.source,
            arguments.model,
            arguments.weights,
            detector=detector,
            detector_weights=detector_weights,
            category=arguments.category,
            boxes=arguments.boxes,
            box_thr=arguments.box_thr,
            out_dir=arguments.out_dir,
            draw=None if arguments.no_draw else DrawSettings(score_thr=arguments.score_thr),
            track=arguments.track,
            flip=False if arguments.no_flip else None,
            covariances=True if arguments.covariances else None,
            calibration=arguments.calibration,
            batch_size=arguments.batch_size,
            device=arguments.device,
            resume=arguments.resume,
            progress=not arguments.quiet,
        )
    except (ValueError, ImportError, OSError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print('interrupted before the first image', file=sys.stderr)
        return 130
    print(result.summary())
    print(f'results: {arguments.out_dir}')
    return result.exit_code


if __name__ == '__main__':
    sys.exit(main())
