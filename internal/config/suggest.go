package config

import "strings"

// shown is a name for use in a message. What stands before a = or between
// brackets can be part of a secret that lost its line (a URL with a query,
// padded base64), so only what looks like a name is repeated.
func shown(name string) string {
	if !looksLikeName(name) {
		return "(not shown: it does not look like a name)"
	}
	return `"` + name + `"`
}

func looksLikeName(name string) bool {
	if len(name) > 40 {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && r != '_' && r != '-'
	})
}

// didYouMean is the end of a message about an unknown name: the nearest of names
// when one is near, all of them otherwise.
func didYouMean(name string, names []string) string {
	best := nearest(name, names)
	if best == "" {
		return "known: " + strings.Join(names, ", ")
	}
	return `did you mean "` + best + `"?`
}

// nearest returns the name within a third of its length in edits, or "".
func nearest(name string, names []string) string {
	if len(name) > 80 {
		return ""
	}
	folded := strings.NewReplacer("-", "_", " ", "").Replace(strings.ToLower(name))
	best, least := "", 0
	for _, candidate := range names {
		d := distance(folded, candidate)
		if d <= max(1, len(candidate)/3) && (best == "" || d < least) {
			best, least = candidate, d
		}
	}
	return best
}

// distance is the number of single-byte insertions, deletions, replacements and
// swaps of neighbours that make b of a.
func distance(a, b string) int {
	var before []int
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		next := make([]int, len(b)+1)
		next[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next[j+1] = min(row[j]+cost, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(b)]
}
