"""The words of all other languages."""

# ruff: noqa: RUF001 (the letters of other scripts look like ours and are meant)
from __future__ import annotations

from pyattn.text.abbreviations.words import Words

FINNISH = Words(
    leading="hra rva nti tri prof dos ins maist esim ts eli mm ks vrt noin ent vt vs",
    numbered="nro art kuva luku puh klo",
    inner="co inc ltd oy oyj ab max min jr sr milj mrd kpl ao ko",
    closing="jne ym yms ns",
    starters="""hän se he ne me te minä sinä tämä tuo nämä nuo joka mikä kuka missä milloin miksi
        miten mutta ja tai vai jos kun koska vaikka sitten siksi myös vain nyt tänään eilen tässä
        siellä täällä ei on oli ovat olivat kaikki moni kiitos kyllä""",
    ordinals=True,
)

HUNGARIAN = Words(
    leading="dr prof id ifj özv br gr ún ill pl kb vö szt bp vs ui",
    numbered="sz old fej ábra köt tel jan febr márc ápr máj jún júl aug szept okt nov dec",
    inner="kft bt rt zrt nyrt co inc ltd max min jr ker krt ezr mrd",
    closing="stb",
    starters="""a az egy ez ezek azok ő ők mi ti én te ki hol mikor miért hogyan melyik és de vagy
        ha mert bár aztán ezért azonban is csak most ma tegnap holnap itt ott nem nincs van vannak
        volt voltak lesz minden mindenki senki sok igen köszönöm""",
    ordinals=True,
)

TURKISH = Words(
    leading="dr prof doç yrd av op uzm sn st hz alb yb bşk örn bkz krş yak gen",
    numbered="no sf cilt md böl şek tel oca şub mar nis may haz tem ağu eyl eki kas ara",
    inner="ltd şti a.ş inc co max min jr cad sok mah apt bul dk sa",
    closing="vb vs vd vdğ",
    starters="""bu şu o bunlar şunlar onlar biz siz ben sen ne kim nerede zaman neden niçin nasıl
        hangi ve ama veya fakat eğer çünkü sonra yüzden ancak ayrıca sadece şimdi bugün dün yarın
        burada orada bir her hiç herkes çok değil evet hayır teşekkürler""",
    ordinals=True,
)

GREEK = Words(
    leading="κ κα κος κκ δρ καθ αγ οδ λεωφ πλ π.χ δηλ βλ πρβλ περ",
    numbered="αρ σελ κεφ εικ πιν τόμ τηλ ιαν φεβ μαρ απρ ιουν ιουλ αυγ σεπ οκτ νοε δεκ",
    inner="εκ εκατ δισ χιλ α.ε ο.ε ε.π.ε μ.χ",
    closing="κ.λπ κλπ κ.ά κ.α π.μ μ.μ",
    starters="""ο η το οι τα ένας μια ένα αυτός αυτή αυτό αυτοί εμείς εσείς εγώ εσύ τι ποιος πού
        πότε γιατί πώς και αλλά ή αν όταν επειδή μετά όμως επίσης μόνο τώρα σήμερα χθες αύριο εδώ
        εκεί στο στη στην στον σε με από για δεν όχι ναι όλοι όλα πολλοί είναι ήταν έχει
        ευχαριστώ""",
    complete=True,
)

BALTIC = Words(
    leading="""dr prof doc hr pr inž gyd kun šv a.g t.y pvz vad žr plg akad hab gen kap u.c piem t.i
        sk apm""",
    numbered="nr lk psl pav lent tel lpp att tab nod",
    inner="max min mln mlrd tūkst eur ct val milj k.t inc ltd co a/s",
    closing="pan utt u.tml jne t.t",
    starters="""jis ji jie jos mes jūs aš tu tai šis ši kas kur kada kodėl kaip ir bet ar arba jei
        nes nors po to todėl taip pat tik dabar šiandien vakar rytoj čia ten viņš viņa viņi viņas
        tas tā es ko kad kāpēc kā un vai ja jo tad tāpēc arī tikai tagad šodien rīt šeit tur ta see
        nad me te ma sa mis kes kus millal miks kuidas aga või kui sest siis seetõttu ka ainult nüüd
        täna eile homme siin seal""",
    ordinals=True,
)

ARABIC = Words(
    leading="ا.د أ.د د.ة هـ",
    numbered="رقم",
    closing="الخ إلخ",
)

PERSIAN = Words(leading="دکتر مهندس")

HINDI = Words(
    leading="डॉ डा प्रो श्री श्रीमती कु पं सं एड इंजी स्व वि प्रा सौ",
    numbered="नं पृ क्र फोन",
    inner="रु कि.मी कि.ग्रा लि ई.पू",
)

ARMENIAN = Words(
    leading="դր պրոֆ ակադ պրն տկն",
    numbered="էջ նկ գլ",
)

KAZAKH = Words(
    leading="проф акад доц көш даң б.з.б б.з т.ғ.к мыс см обл",
    numbered="бет сур тел",
    inner="млн млрд трлн мың тг жж гг",
    closing="т.б т.с.с",
    starters="бұл ол олар біз сіз мен сен сол осы бірақ және егер сондықтан онда мұнда қазір бүгін",
)

INDONESIAN = Words(
    leading="dr drs prof ir hj sdr sdri bpk yth jl jln gg kab kec a.n u.p d.a kpd tn ny spt mis",
    numbered="no hlm hal tgl tel telp bab jan feb mar apr jun jul agt ags sep okt nov des",
    inner="pt cv tbk inc ltd co maks min jr",
    closing="dll dsb dst dkk",
    starters="""ini itu dia ia mereka kami kita saya aku anda kamu apa siapa di mana kapan mengapa
        bagaimana dan tetapi tapi atau jika kalau karena meskipun kemudian oleh namun juga hanya
        sekarang hari kemarin besok ada tidak bukan ya semua banyak setiap terima pada dalam dari
        untuk dengan""",
)

VIETNAMESE = Words(
    leading="ts gs pgs ths bs ks tp vd st",
    numbered="tr số đt",
    closing="v.v",
)
