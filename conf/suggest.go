package conf

// suggest returns the name nearest to s within two edits, "" if there is none.
// Of several the first wins.
func suggest(s string, names []string) string {
	best, distance := "", 3
	for _, name := range names {
		if d := editDistance(s, name); d < distance && d < len(name) {
			best, distance = name, d
		}
	}
	return best
}

// editDistance is Levenshtein's: insertions, deletions and replacements.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
