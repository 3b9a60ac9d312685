"""The names that models give languages, and the codes of ISO 639 that lists of words have."""

from __future__ import annotations

import functools
import re

# Codes of three letters (ISO 639-2 and 639-3) of the languages that have one of two, pairwise.
_TWO_LETTERS = dict(
    re.findall(
        r"(\w+):(\w+)",
        """
    afr:af sqi:sq alb:sq amh:am ara:ar arb:ar acm:ar acq:ar aeb:ar ajp:ar apc:ar ars:ar ary:ar
    arz:ar hye:hy arm:hy asm:as ast:ast aze:az azj:az azb:az bak:ba eus:eu baq:eu bel:be ben:bn
    bos:bs bul:bg mya:my bur:my cat:ca zho:zh chi:zh cmn:zh yue:zh hrv:hr ces:cs cze:cs dan:da
    nld:nl dut:nl eng:en epo:eo est:et ekk:et fao:fo fij:fj fin:fi fra:fr fre:fr fry:fy gla:gd
    gle:ga glg:gl kat:ka geo:ka deu:de ger:de ell:el gre:el grn:gn guj:gu hat:ht hau:ha heb:he
    hin:hi hun:hu isl:is ice:is ibo:ig ind:id ita:it jpn:ja jav:jv kan:kn kas:ks kaz:kk khm:km
    kik:ki kin:rw kir:ky kon:kg kor:ko kmr:ku kur:ku ckb:ckb lao:lo lat:la lav:lv lvs:lv lin:ln
    lit:lt ltz:lb lug:lg mkd:mk mac:mk mlg:mg plt:mg msa:ms may:ms zsm:ms mal:ml mlt:mt mri:mi
    mao:mi mar:mr mon:mn khk:mn nep:ne npi:ne nor:no nob:nb nno:nn nya:ny oci:oc ori:or ory:or
    orm:om gaz:om pan:pa pus:ps pbt:ps fas:fa per:fa pes:fa prs:fa pol:pl por:pt que:qu quy:qu
    ron:ro rum:ro run:rn rus:ru sag:sg smo:sm san:sa snd:sd srp:sr hbs:sh scc:sr scr:hr sin:si
    slk:sk slo:sk slv:sl sna:sn som:so sot:st nso:nso spa:es srd:sc sun:su swa:sw swh:sw ssw:ss
    swe:sv tgl:tl fil:tl tgk:tg tam:ta tat:tt tel:te tha:th tir:ti tso:ts tsn:tn tuk:tk tur:tr
    uig:ug ukr:uk urd:ur uzb:uz uzn:uz vie:vi cym:cy wel:cy wol:wo xho:xh ydd:yi yid:yi yor:yo
    zul:zu als:sq
    """,
    )
)


@functools.lru_cache(256)
def iso_639(language: str | None) -> str:
    """The ISO 639-1 code of a language, or its code of three letters where it has none of two.

    Args:
        language: "en", "eng", "en-GB", "en_XX", "eng_Latn", "zho_Hans" or the like; None is
            English, and so is a name of another form.
    """
    code = re.match(r"[a-z]{2,3}(?![a-z])", (language or "en").lower())
    return _TWO_LETTERS.get(code[0], code[0]) if code else "en"


def is_code(name: str) -> bool:
    """Whether a name begins with a code of two or three letters, as `iso_639` wants it."""
    return re.match(r"[a-z]{2,3}(?![a-z])", name.lower()) is not None
