package wiki

// site is one wiki and what its events speak of.
type site struct {
	wiki, domain string
	weight       float64 // share of all events, relative
	talk         string  // prefix of talk pages
	category     string  // a category, with underscores; "" where there are no such events
	titles       []string
	users        []string
	sections     []string
	comments     []string
}

func (s *site) contentModel() string {
	if s.wiki == "wikidatawiki" {
		return "wikibase-item"
	}
	return "wikitext"
}

func (s *site) contentFormat() string {
	if s.wiki == "wikidatawiki" {
		return "application/json"
	}
	return "text/x-wiki"
}

func sites() []site { return append(latinSites(), otherSites()...) }

var commonsFiles = []string{
	"File:Old lighthouse at dusk.jpg", "File:Map of the river delta 1874.tif", "File:Blühende Wiese bei Tübingen.jpg",
	"File:Chorale – soprano.ogg", "File:東京の夜景 2025.jpg", "File:Herbarium sheet 00482.png", "File:Café in Montréal.webm",
	"File:Stamp of Georgia, 1919.svg",
}

func latinSites() []site {
	return []site{
		{
			wiki: "wikidatawiki", domain: "www.wikidata.org", weight: 28,
			titles:   []string{"Q"},
			users:    []string{"LabelBot", "Quickfiller", "Ontologia", "MergeBot 3", "Datenschaufel", "Références42", "藤の花"},
			sections: []string{"wbsetclaim-create:2||1", "wbsetlabel-add:1|he", "wbeditentity-update:0|", "wbsetsitelink-add:1|ruwiki"},
			comments: []string{
				"[[Property:P31]]: [[Q5]], batch #240,771", "Пример статьи о приливной энергии", "[[Property:P625]]: 48°31'N, 9°3'E",
				"added [[Property:P569]] from imported table 🗂️", "דוגמה לתווית בעברית", "Label in [ja]: 日本の灯台一覧、概要",
			},
		},
		{
			wiki: "commonswiki", domain: "commons.wikimedia.org", weight: 17, talk: "File talk", category: "Category:Lighthouses_at_dusk",
			titles:   commonsFiles,
			users:    []string{"Uploader Ines", "CropBot demo", "Fotograf_Jo", "Камера-обскура", "Geotagger", "写真家みどり"},
			sections: []string{"Summary", "Licensing", "wbsetclaim-create:2||1"},
			comments: []string{
				"Added structured data: [[d:Special:EntityPage/P180]]: [[d:Special:EntityPage/Q39715]]",
				"cropped 12 % horizontally, 4 % vertically 📷", "+category, and the date from the image metadata", "better description, \"sic\" kept", "{{Location|48.52|9.05}} from the map of 1874",
			},
		},
		{
			wiki: "enwiki", domain: "en.wikipedia.org", weight: 22, talk: "Talk", category: "Category:Articles_with_short_description",
			titles: []string{
				"History of the bicycle", "Tidal power", "Hummingbird", "List of lighthouses in Maine", "Naïve set theory",
				"O'Brien's law", "AC/DC converter", "Emoji", "Café", "C++", "\"Heroes\" (album)", "São Tomé", "Whale shark",
			},
			users:    []string{"Marginalia Jane", "CiteFixBot", "Old Map Reader", "Zëbra99", "Gardener of Forks", "TidyBot II", "Ünder Score", "Pi 🥧 Day"},
			sections: []string{"History", "Early life", "References", "See also", "Reception", "In popular culture", "Further reading"},
			comments: []string{
				"copyedit: grammar, punctuation and one date", "fixed a dead link using the archive", "Reverted 1 edit by [[Special:Contributions/~2026-11111-1|~2026-11111-1]]: unsourced",
				"added [[Tidal range|range]] & two citations", "typo: \"teh\" → \"the\", \"recieve\" → \"receive\"", "thanks for the ping, I have answered below 😀", "clean up, replaced: <br> → {{br}} (3)",
				"Undid revision 1280499876; please discuss on the talk page first", "expanding article, added sources from the 1911 survey",
			},
		},
		{
			wiki: "dewiki", domain: "de.wikipedia.org", weight: 6, talk: "Diskussion", category: "Kategorie:Bauwerk_in_Tübingen",
			titles:   []string{"Straßenbahn Köln", "Überlauf", "Geschichte der Fahrräder", "Gänseblümchen", "Liste der Leuchttürme", "Äquator", "Fußgängerübergang"},
			users:    []string{"Kartenleser", "Flusskrebs", "ÄrmelBot", "Frühaufsteherin", "Ölkännchen"},
			sections: []string{"Geschichte", "Einzelnachweise", "Weblinks", "Leben und Werk", "Verkehrsanbindung"},
			comments: []string{"Tippfehler entfernt, Satzbau vereinfacht", "Beleg ergänzt, siehe Diskussion vom März", "form, typo, „Anführungszeichen“ vereinheitlicht", "Änderungen rückgängig gemacht – unbelegt", "Lemma verschoben; Größe in m²"},
		},
		{
			wiki: "frwiki", domain: "fr.wikipedia.org", weight: 6, talk: "Discussion", category: "Catégorie:Phare_de_Bretagne",
			titles:   []string{"Énergie marémotrice", "Liste des phares de France", "L'Œuvre au noir", "Château d'eau", "Forêt de Brocéliande", "Crêpe"},
			users:    []string{"Lectrice du soir", "PhareOuest", "CorrecteurBot", "Élodie des Prés", "Çavabien"},
			sections: []string{"Histoire", "Notes et références", "Biographie", "Voir aussi", "Géographie"},
			comments: []string{"orthographe et accords, deux coquilles corrigées", "ajout d'une source « papier » avec la page", "mise en forme, liens externes", "Révocation de vandalisme, merci de discuter 🙂", "précision sur l'œuvre et la date"},
		},
		{
			wiki: "eswiki", domain: "es.wikipedia.org", weight: 5, talk: "Discusión", category: "Categoría:Faros_de_España",
			titles:   []string{"Energía mareomotriz", "Ñandú", "Anexo:Faros de España", "¿Quién es quién?", "Montaña", "Colibrí"},
			users:    []string{"Faro del Sur", "NiñoLector", "ArreglosBot", "María de los Mapas"},
			sections: []string{"Historia", "Referencias", "Véase también", "Biografía", "Enlaces externos"},
			comments: []string{"corrección ortográfica y de algunas tildes", "añado referencia de 1911 y página exacta", "deshecha la edición anterior: sin fuentes", "¡gracias por el aviso, ya está corregido! 🎉", "traducido desde [[:en:Tidal power]]"},
		},
		{
			wiki: "viwiki", domain: "vi.wikipedia.org", weight: 1.5, talk: "Thảo luận", category: "Thể_loại:Hải_đăng",
			titles:   []string{"Năng lượng thủy triều", "Hải đăng Kê Gà", "Chim ruồi", "Lịch sử xe đạp"},
			users:    []string{"Người đọc đêm", "SửaLỗiBot", "Bản đồ cũ"},
			sections: []string{"Lịch sử", "Tham khảo", "Liên kết ngoài"},
			comments: []string{"sửa lỗi chính tả và dấu câu", "thêm nguồn tham khảo", "đã lùi lại sửa đổi không nguồn"},
		},
		{
			wiki: "trwiki", domain: "tr.wikipedia.org", weight: 1.5, talk: "Tartışma", category: "Kategori:Deniz_fenerleri",
			titles:   []string{"Gelgit enerjisi", "Şişli", "Işık hızı", "İstanbul Boğazı", "Çöl"},
			users:    []string{"Gece Okuru", "DüzeltBot", "Işıl Harita"},
			sections: []string{"Tarihçe", "Kaynakça", "Dış bağlantılar"},
			comments: []string{"yazım ve noktalama düzeltildi", "1911 tarihli kaynak eklendi", "kaynaksız değişiklik geri alındı"},
		},
	}
}
