package secret_test

import (
	"errors"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"testing/quick"

	"claviger/internal/secret"
)

var classes = []secret.Class{secret.Token, secret.Personal, secret.Client, secret.Access, secret.Basic}

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

func TestGenerateFormat(t *testing.T) {
	format := regexp.MustCompile(`^clav[tpcab]_[0-9A-Za-z]{38}$`)
	seen := map[string]bool{}
	for _, class := range classes {
		for range 200 {
			text := secret.Generate(class).Expose()
			if !format.MatchString(text) || text[4] != byte(class) {
				t.Fatalf("class %c: %q", class, text)
			}
			if got, err := secret.Parse(text); err != nil || got != class {
				t.Fatalf("Parse(%q) = %c, %v", text, got, err)
			}
			if seen[text] {
				t.Fatalf("%q came twice", text)
			}
			seen[text] = true
		}
	}
}

// TestParseKnown holds the format: a checksum computed another way would refuse
// every secret that was ever handed out.
func TestParseKnown(t *testing.T) {
	body := "clavt_" + strings.Repeat("0", 32)
	var right []string
	for _, sum := range []string{checksum(body)} {
		right = append(right, body+sum)
	}
	if class, err := secret.Parse(right[0]); err != nil || class != secret.Token {
		t.Errorf("Parse(%q) = %c, %v", right[0], class, err)
	}
}

// checksum is the base62 CRC-32 of product.md §2, written from the words alone: bit
// by bit, by the reflected polynomial of IEEE 802.3.
func checksum(text string) string {
	crc := ^uint32(0)
	for i := range len(text) {
		crc ^= uint32(text[i])
		for range 8 {
			low := crc & 1
			crc >>= 1
			if low == 1 {
				crc ^= 0xedb88320
			}
		}
	}
	crc = ^crc
	out := make([]byte, 6)
	for i := 5; i >= 0; i-- {
		out[i] = base62[crc%62]
		crc /= 62
	}
	return string(out)
}

func TestParseRefuses(t *testing.T) {
	good := secret.Generate(secret.Token).Expose()
	other := body("clavx_" + good[6:38])
	for name, text := range map[string]string{
		"nothing": "", "prefix alone": "clavt_", "too short": good[1:], "too long": good + "0", "white space before": " " + good[:43],
		"other prefix": "Clavt_" + good[6:], "unknown class": other, "no underscore": good[:5] + "-" + good[6:],
		"other class": "clavp_" + good[6:], "alphabet": good[:10] + "-" + good[11:], "NUL": good[:10] + "\x00" + good[11:],
		"a newline": good[:43] + "\n", "full width": "ｃ" + good[3:],
	} {
		if class, err := secret.Parse(text); !errors.Is(err, secret.ErrFormat) || class != 0 {
			t.Errorf("%s: Parse(%q) = %c, %v", name, text, class, err)
		}
	}
}

// body returns text with its right checksum.
func body(text string) string { return text + checksum(text) }

func TestParseRefusesEverySingleChange(t *testing.T) {
	good := secret.Generate(secret.Personal).Expose()
	for i := range len(good) {
		for _, c := range []byte(base62 + "-_.\x00\xff") {
			if c == good[i] {
				continue
			}
			changed := good[:i] + string([]byte{c}) + good[i+1:]
			if _, err := secret.Parse(changed); err == nil {
				t.Fatalf("Parse(%q) is accepted, one character from %q", changed, good)
			}
		}
	}
}

func TestParseRefusesRandomTexts(t *testing.T) {
	refused := func(text string) bool { _, err := secret.Parse(text); return err != nil }
	if err := quick.Check(refused, &quick.Config{MaxCount: 5000}); err != nil {
		t.Error(err)
	}
	// 32 wrong random characters and 6 wrong ones of checksum: at 62^6 the chance of a hit is 10^-10.
	random := rand.New(rand.NewPCG(1, 2))
	for range 5000 {
		text := []byte("clavt_")
		for range 38 {
			text = append(text, base62[random.IntN(62)])
		}
		if !refused(string(text)) {
			t.Fatalf("%q is accepted", text)
		}
	}
}

func TestShown(t *testing.T) {
	s := secret.Generate(secret.Token)
	text := s.Expose()
	if prefix, last4 := secret.Shown(s); prefix != text[:10] || last4 != text[40:] {
		t.Errorf("Shown = %q, %q of %q", prefix, last4, text)
	}
	if prefix, last4 := secret.Shown(secret.New("short")); prefix != "" || last4 != "" {
		t.Errorf("Shown of a foreign secret = %q, %q", prefix, last4)
	}
}

func TestRandomText(t *testing.T) {
	count := map[rune]int{}
	const length = 62 * 1000
	text := secret.RandomText(length)
	if len(text) != length {
		t.Fatalf("%d characters", len(text))
	}
	for _, c := range text {
		count[c]++
	}
	for _, c := range base62 { // 1000 each, standard deviation 31
		if n := count[c]; n < 750 || n > 1250 {
			t.Errorf("%c came %d times of %d", c, n, length)
		}
	}
	if len(count) != 62 {
		t.Errorf("%d different characters", len(count))
	}
}

func FuzzParse(f *testing.F) {
	good := secret.Generate(secret.Token).Expose()
	f.Add(good)
	f.Add(good[:43] + "\xff")
	f.Add("clavt_" + strings.Repeat("z", 38))
	f.Fuzz(func(t *testing.T, text string) {
		class, err := secret.Parse(text)
		if err != nil {
			return
		}
		if len(text) != 44 || text[4] != byte(class) || checksum(text[:38]) != text[38:] {
			t.Errorf("Parse(%q) = %c", text, class)
		}
	})
}
