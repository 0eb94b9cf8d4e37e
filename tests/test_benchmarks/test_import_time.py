from benchmarks.import_time import compare_imports


def test_imports_are_compared():
    lines, met = compare_imports(repeats=1, limit=1000)
    assert met
    assert [line.split('  ')[0] for line in lines] == ['import mmpose', 'import mmpose; import mmpose_ext', 'added']
