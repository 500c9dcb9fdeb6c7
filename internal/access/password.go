package access

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The bounds of a sign-in password, in characters: NIST SP 800-63B asks for at
// least 8 and no rules of composition; we ask for 12 where it is the only factor.
const (
	minPassword = 12
	maxPassword = 256
)

// A new password is weighed: each character of it weighs two, each digit one, for there
// are but ten. A stretch of what guessers try first (a word of weakWords or a name, a
// walk on the keyboard, a sequence, a year) weighs as little as stated here, however long
// it is, and nothing when it comes again; what joins it to the next weighs nothing.
// "Password2026!!" weighs 9, "correct horse battery staple" 52.
const (
	leastWeight  = 14
	wordWeight   = 4
	walkWeight   = 3 // of a walk, a sequence or a year
	letterWeight = 2
	digitWeight  = 1
)

// weakWords are what most of the passwords that were ever published are made of, and
// what people call what they sign in to. docs/console.md lists them (OWASP ASVS 6.1.2).
var weakWords = strings.Fields(`
	abc access account admin administrator amazing angel apple august autumn babygirl banana baseball basketball batman beautiful
	business butterfly changeit changeme charlie cheese chelsea chocolate christmas claviger company computer console cookie dallas
	daniel december default demo diamond dragon eminem facebook family february flower football forever freedom friday friend
	fuckyou gateway ginger google guest hallo hannah hello hockey house hunter iloveyou internet january jennifer jessica jesus
	jordan joshua july june justin killer letmein liverpool login london lovely loveme lover love maggie manage march master
	matrix matthew mercedes michael michelle microsoft monday monkey mustang nothing november october office operator orange
	passphrase passport password passwort pepper phoenix please pokemon princess private purple qazwsx robert root samsung saturday
	secret secure security september server service shadow soccer spring starwars summer sunday sunshine superman superuser support
	sweet system taylor temp temporary test testing thomas thunder thursday tigger token trustno tuesday twitter user username
	wednesday welcome whatever windows winter wizard your yourself zxcvbn`)

// keyboard is where a finger walks: keys that lie beside, above or below each other.
var keyboard = []string{"1234567890-=", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./"}

// lookalikes are the characters that stand for a letter in a password.
var lookalikes = map[rune]string{'a': "@4", 'b': "8", 'e': "3", 'g': "9", 'i': "1!", 'l': "1|", 'o': "0", 's': "5$", 't': "7+", 'z': "2"}

// newPassword checks a password that somebody chooses for signing in. near are names
// that guessers try: their email, their name, those of their organizations.
func (p *problems) newPassword(field, text string, near ...string) {
	n := utf8.RuneCountInString(text)
	switch {
	case !utf8.ValidString(text):
		p.add(field, "It is not valid UTF-8 text.")
	case n < minPassword:
		p.add(field, "It has "+group(n)+" characters. Use 12 or more; several words make a good one.")
	case n > maxPassword:
		p.add(field, "It has more than 256 characters. Use a shorter one.")
	case weigh(text, namesIn(near)) < leastWeight:
		p.add(field, "It is easy to guess: common words, names of yours or of your organization, years, rows of keys and repetitions count for almost nothing. Add a few words that have nothing to do with each other.")
	}
}

// nearOf are the names that a user's password must not lean on.
func nearOf(user User, organizations ...Organization) []string {
	near := []string{user.Email, user.Name}
	for _, o := range organizations {
		near = append(near, o.Slug, o.Name)
	}
	return near
}

// namesIn returns the words of names that are long enough to count, and of each name
// what it is without its separators: "mara.lane@example.com" and "Mara Lane" hold mara,
// lane, maralane and example.
func namesIn(near []string) []string {
	var out []string
	for _, name := range near {
		for _, part := range strings.Split(strings.ToLower(name), "@") {
			words := strings.FieldsFunc(part, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
			for _, word := range append(words, strings.Join(words, "")) {
				if utf8.RuneCountInString(word) >= 3 {
					out = append(out, word)
				}
			}
		}
	}
	return out
}

// weigh says how much of a password is not what guessers try first. Two stretches that
// were shuffled into each other, as in "a1s2d3f4", are no better than the two.
func weigh(text string, names []string) int {
	rest := unrepeated([]rune(strings.ToLower(text)))
	var halves [2][]rune
	for i, r := range rest {
		halves[i%2] = append(halves[i%2], r)
	}
	return min(weight(rest, names), weight(unrepeated(halves[0]), names)+weight(unrepeated(halves[1]), names))
}

func weight(rest []rune, names []string) int {
	total, seen := 0, map[string]bool{}
	for len(rest) > 0 {
		word, walk, same := max(longest(rest, weakWords), longest(rest, names)), max(sequence(rest), walked(rest), year(rest)), repetition(rest)
		length, weight := max(word, walk), walkWeight
		if word >= walk {
			weight = wordWeight
		}
		if length <= same {
			total += ofCharacter(rest[0])
			rest = rest[same:]
			continue
		}
		if found := string(rest[:length]); !seen[found] {
			seen[found] = true
			total += weight
		}
		rest = joined(rest[length:])
	}
	return total
}

func ofCharacter(r rune) int {
	if unicode.IsDigit(r) {
		return digitWeight
	}
	return letterWeight
}

// joined leaves out what joins a stretch to what follows: "acme-2026".
func joined(rest []rune) []rune {
	if len(rest) > 0 && !unicode.IsLetter(rest[0]) && !unicode.IsDigit(rest[0]) {
		return rest[1:]
	}
	return rest
}

// unrepeated returns the unit that a text repeats, from its beginning to its end.
func unrepeated(text []rune) []rune {
	for unit := 1; unit <= len(text)/2; unit++ {
		same := true
		for i := unit; i < len(text) && same; i++ {
			same = text[i] == text[i-unit]
		}
		if same {
			return text[:unit]
		}
	}
	return text
}

// longest returns the length of the longest of the words that a text begins with,
// lookalikes included; 0 = none.
func longest(text []rune, words []string) int {
	best := 0
	for _, word := range words {
		if n := begins(text, word); n > best {
			best = n
		}
	}
	return best
}

func begins(text []rune, word string) int {
	n := 0
	for _, letter := range word {
		if n == len(text) || text[n] != letter && !strings.ContainsRune(lookalikes[letter], text[n]) {
			return 0
		}
		n++
	}
	return n
}

// sequence returns how far a text counts up or down: three digits or four letters at
// least; 0 follows 9.
func sequence(text []rune) int {
	digits := text[0] >= '0' && text[0] <= '9'
	if !digits && !unicode.IsLetter(text[0]) {
		return 0
	}
	best := 0
	for _, step := range []rune{1, -1} {
		n := 1
		for n < len(text) {
			next := text[n-1] + step
			if digits {
				next = '0' + (text[n-1]-'0'+step+10)%10
			}
			if text[n] != next {
				break
			}
			n++
		}
		best = max(best, n)
	}
	if best < 3 || !digits && best < 4 {
		return 0
	}
	return best
}

// walked returns how far a text walks on the keyboard, three keys at least. Digits
// alone are no walk: so many of them lie beside each other by chance.
func walked(text []rune) int {
	n, digits := 1, unicode.IsDigit(text[0])
	for n < len(text) && beside(text[n-1], text[n]) {
		digits = digits && unicode.IsDigit(text[n])
		n++
	}
	if n < 3 || digits {
		return 0
	}
	return n
}

func beside(a, b rune) bool {
	rowA, columnA := key(a)
	rowB, columnB := key(b)
	across, along := rowA-rowB, columnA-columnB
	return a != b && rowA >= 0 && rowB >= 0 && across*across <= 1 && along*along <= 1
}

// key returns where a key lies; row -1 = nowhere.
func key(r rune) (row, column int) {
	for i, keys := range keyboard {
		if at := strings.IndexRune(keys, r); at >= 0 {
			return i, at
		}
	}
	return -1, 0
}

// year returns 4 where a text begins with a year from 1900 to 2099, else 0.
func year(text []rune) int {
	if len(text) < 4 || string(text[:2]) != "19" && string(text[:2]) != "20" {
		return 0
	}
	for _, r := range text[2:4] {
		if r < '0' || r > '9' {
			return 0
		}
	}
	return 4
}

// repetition returns how often the first character stands at the beginning.
func repetition(text []rune) int {
	n := 1
	for n < len(text) && text[n] == text[0] {
		n++
	}
	return n
}
