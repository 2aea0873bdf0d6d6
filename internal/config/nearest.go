// What was probably meant by a word that was typed.

package config

// suggest names the key that was probably meant.
func suggest(name string) string {
	var names []string
	for i := range keys {
		names = append(names, keys[i].key)
	}
	if meant := Nearest(name, names); meant != "" {
		return didYouMean(meant)
	}
	return "; `bailiwick config schema` lists all keys"
}

// Nearest is the word that was probably meant by one that was typed; "" if none is like it.
func Nearest(typed string, among []string) string {
	best, dist := "", len(typed)/3+2
	for _, word := range among {
		if d := distance(typed, word); d < dist && d < len(word) {
			best, dist = word, d
		}
	}
	return best
}

// distance is Levenshtein's.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		prev := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := prev
			if a[i] != b[j] {
				cost++
			}
			prev, row[j+1] = row[j+1], min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
