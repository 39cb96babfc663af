from likewise.words import OBJECT_TEMPLATES, STYLE_TEMPLATES


def test_there_are_27_object_and_19_style_templates_of_which_17_differ():
    assert len(OBJECT_TEMPLATES) == len(set(OBJECT_TEMPLATES)) == 27
    assert len(STYLE_TEMPLATES) == 19 and len(set(STYLE_TEMPLATES)) == 17


def test_each_takes_the_subject_once_at_its_end():
    for template in (*OBJECT_TEMPLATES, *STYLE_TEMPLATES):
        assert template.count("{}") == 1 and template.endswith("{}")
        assert template.format("<x>").endswith(" <x>")
    assert all(template.endswith("in the style of {}") for template in STYLE_TEMPLATES)
