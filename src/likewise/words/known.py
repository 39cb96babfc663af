"""Two and three letter strings that mean something already, so that none of them becomes an identifier.

Written for this purpose; completeness is not needed: an identifier is drawn at random from what is rare in a tokenizer,
and this list only removes the draws that would bring along a word, a name, a brand, a weapon or an insult.
"""

ENGLISH = """
ab ad ae ag ah ai al am an ar as at aw ax ay ba be bi bo by de do ed ef eh el em en er es ex fa fe fi go gi ha he hi
hm ho id if in is it jo ka ki la li lo ma me mi mm mu my na ne no nu od oe of oh oi ok om on op or os ow ox oy pa pe
pi po qi re sh si so ta te ti to uh um un up us ut we wo xi xu ya ye yo za ace act add ado aft age ago aha aid ail aim
air ale all alp amp and ant any ape app apt arc are ark arm art ash ask asp ate auk awe awl axe aye baa bad bag bah
bam ban bar bat bay bed bee beg bet bib bid big bin bit boa bob bog boo bop bow box boy bra bub bud bug bum bun bur
bus but buy bye cab cad cam can cap car cat caw cay chi cob cod cog con coo cop cot cow cox coy cry cub cud cue cup
cur cut dab dad dam day den dew did die dig dim din dip doc doe dog don dot dry dub dud due dug duo dye ear eat ebb
eek eel egg ego eke elf elk elm emu end eon era ere erg err eve ewe eye fab fad fan far fat fax fed fee fen few fey
fib fie fig fin fir fit fix flu fly foe fog fop for fox fro fry fun fur gab gad gag gal gap gas gay gel gem get gig
gin git gnu gob god goo got gum gun gut guy gym had hag ham has hat haw hay hem hen her hew hex hey hid him hip his
hit hob hoe hog hop hot how hub hue hug huh hum hut ice icy ilk ill imp ink inn ion ire irk its ivy jab jag jam jar
jaw jay jet jib jig job jog jot joy jug jut keg ken key kid kin kit koi lab lad lag lap law lax lay lea led lee leg
lei let lid lie lip lit lob log loo lop lot low lox lug lux lye mac mad man map mar mat maw may men met mew mid mix
moa mob mod mom moo mop mow mud mug mum nab nag nan nap nay net new nib nil nip nit nix nod nor not now nub nun nut
oaf oak oar oat odd ode off oft ohm oil old one ooh opt orb ore our out ova owe owl own pad pal pan pap par pat paw
pax pay pea peg pen pep per pet pew pie pig pin pip pit ply pod poi pop pot pow pox pro pry pub pug pun pup pus put
rag ram ran rap rat raw ray red ref rep rev rib rid rig rim rip rob roc rod roe rot row rub rue rug rum run rut rye
sac sad sag sap sat saw sax say sea see set sew she shy sin sip sir sis sit six ska ski sky sly sob sod sol son sop
sot sow soy spa spy sty sub sue sum sun sup tab tad tag tan tap tar tat tau tax tea tee ten the thy tic tie tin tip
toe tog tom ton too top tor tot tow toy try tub tug tui tun tux two ugh ump urn use van vat vet vex via vie vim vow
wad wag wan war was wax way web wed wee wet who why wig win wit woe wok won woo wow wry yak yam yap yaw yea yen yep
yes yet yew yip you yum yup zag zap zed zen zig zip zit zoo aah aww brr duh eww grr hmm meh nah ooo pst shh tsk umm
ain isn ll ve nt cuz coz til ers est ing ies ful ous ism ist ity ive ble ted ter
"""

NAMES = """
abe ada aly ali amy ana ann art asa ava bea ben bob bud cal cam dan dee deb del don dot eli ema eva eve fay gia gil
gus guy hal ian ida ike ira isa ivy jan jay jeb jed jem jen jim jin job joe jon joy jun kai kay ken kim kit kyo lea
lee len leo les lex lia lil lin liv liz lou lyn luz mae mai max may meg mel mia min mya nat ned nia noa oda pam pat
peg pia rae raj ray reg rex rio rob rod ron roy sal sam sid sky stu sue tad ted tia tim tod tom una uma val van vic
vin viv wes wil xia yan yin zac zak zed zia zoe bao cho das fei guo hao hua jia jie lao lau liu lui mao mei mun ngo
ono pak rao roh ryu sen shi suh tan wei won woo xin xu yao yee yeo yoo yuk yun zhu ito abu ahn kun
"""

PLACES_AND_TIMES = """
uk us eu un usa uae nyc lax jfk sfo phx atl bos ord dfw lhr iad rio goa jan feb mar apr jun jul aug sep oct nov dec
mon tue wed thu fri sat sun am pm utc gmt est pst bce eng ger fra ita esp por ned bel swe den nor fin pol rus ukr tur
ind chn jpn kor aus nzl bra arg mex can rsa egy ksa irl sco wal hrv srb cze aut sui gre isr sgp phi dub lon par ber
rom mad mia sea det chi hou dal phl tor mtl van syd mel
"""

BRANDS_AND_BODIES = """
abc adt aig amc amd aol aws bbc bmw bp bts cbs cbc cgi cia cnn csi dc dhl dvd ea epa eva exo fbi fda fox gap gm gmc
gop gq gta hbo hp htc ibm imf itv kfc kgb kia lg mac mit mgm mlb mls mma msn mtv nba nbc nec nfl nhl nhs nhk nsa nyt
nyu npr nra pbs pga psg psp ps qvc rca sap sec sky spd suv ted tnt ucl ufc ups vfl vox vw who wwe wwf wto ufo fcb nrl
nas afc nfc fc afl ipl acm apa bjp cdc cdu csu dea dod doj ecb fcc ftc hiv hud icc ifa inc int ioc ira irs isi llc ltd
plc nih nsf lfc otc ssa tsa uno usn va vfw wef wwi gtr gti bmx atv rx rtx gtx ios app mcu dcu got lol jlo jay tfl mta
dhs dof faa epl efl cfl cpl nll ucf qpr wba mlp ktm klm jal sas ryr aer jeb gsk gsa bhp rbc rbs tsb ubs bnp cba anz
bce rbi sbi lic lse nse bse wsj fft isc icj icu ilo wfp eib esa psu lsu osu wvu byu fsu wsu ksu gmu usu isu usf tcu
smu mst asu bsu odu ecu vcu uab ucd uci uva rpi dmk aap pti ppp pml pmo rss mns jdu snp dup anc eff apc pdp npp ndc
bjd tmc pkk ypg eta raw fsb gru
"""

SHORTHAND = """
abs aka api apk app asl ama atm avi bbq bbs bff bio biz bmp btc btw cad cc cd cdn ceo cfo cgi cm cms cmo cnc co com
cos cpu crm css csv cto ctv cv db dj diy dlc dna dns doc dos dr ds dx edm edu eq ecg eeg esl eta etc ev exe ext fab
faq fax fm fml ftp ftw fyi gb gdp gif gmo gov gps gpu gui hd hdd hdr hex hiv hp hq hr hrs hrt hz idc idk ie iff iga ii
iii img imo ip iq ir irl iso isp it iv ix jk jpg js kb kg kgs km kph kv kw la lbs lbw lcd led lms lng lol lp lpg ltd
luv lvl mba md mfg mg mhz min ml mm mmo mod mov mp mph mpg mri mrs mr ms mvp mvc nfc nft ngo nom nos nsw oem omg omw
op org os otp otw ova pa pc pcb pcr pcs pct pdf pdp pga ph phd php pic pin pls plz pm png pov ppl ppm pr ps psd psi
pto pvc pvp pvt qa qb qr rbi rd ref rep rev rgb rip rna rnb rng rom rpg rpm rpt rss rt rtr rv sci sd sdk seo sfw sfx
sms smh snp soc sos spf sq sql src ssd ssh ssl st std svg sys tba tbc tbd tbh tbt tcp thx tmi tmw tnx tv tvs txt uh ui
url usb usd utf uv ux var vc vcr vfx vga vhs vip viz vj voc vol vpn vr vs vt wag wav wfh wip wps wtf wth www xii xiv
xix xl xml xp xs xvi xx xxi xxl xxx yay yrs yr yds zzz lab def con hip emo
"""

OTHER_LANGUAGES = """
der die das den dem ein und ist ich du er sie wir ihr mit von bei auf aus zum zur nur wie was wer wo ja nee mal hut
bär le la les un une des de et est en que qui pas sur par mon ton son mes ses nos vos roi eau mer sol sel vin ami el
los las una uno del al por con sin su sus mi mis tu yo es ser hay muy mas ola mar rey ojo oso pan pez ave il lo gli di
da che non per sei mio tuo suo rio tre due het een van op te dat dit als nog wel ook hij wij zij och att det som ett
han hon med av og jeg til fra hej hav ulv far mor dia rua mae pai nao sim boa oya aku kau dan ini itu ada apa bin abu
ibn san kun oni inu umi
"""

WEAPONS_AND_INSULTS = """
sks akm aks gun rpg tnt tec uzi emp mag ied hkp psg ass bum but cox cum dik dic dix fag fap fat fuc fuk fux guk uck
ffs fml gay gyp hag hoe hor jap jew jiz kkk kys nad nag naz neg nig pee pig pms poo puk sex sht sob suk tit vag wog
wop xxx ho ssr dum die ero xnx pdo
"""

_GROUPS = (ENGLISH, NAMES, PLACES_AND_TIMES, BRANDS_AND_BODIES, SHORTHAND, OTHER_LANGUAGES, WEAPONS_AND_INSULTS)
KNOWN = frozenset(word for group in _GROUPS for word in group.split())
