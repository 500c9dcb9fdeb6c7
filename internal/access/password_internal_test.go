package access

import (
	"math/rand/v2"
	"testing"
)

// TestRandomPasswordsAreNotWeak: what a password manager makes is refused for nothing
// that chance put into it: of 16 characters never, of 12 hardly ever.
func TestRandomPasswordsAreNotWeak(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	names := namesIn([]string{"ann.lane@example.com", "Ann Lane", "acme", "Acme"})
	for _, set := range []string{
		"abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrstuvwxyz0123456789",
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!$%&/()=?#+-_.,;:<>",
	} {
		for length, most := range map[int]int{12: 10, 16: 0, 24: 0} {
			refused := 0
			for range 500 {
				text := make([]byte, length)
				for i := range text {
					text[i] = set[chance.IntN(len(set))]
				}
				if weigh(string(text), names) < leastWeight {
					refused++
				}
			}
			if refused > most {
				t.Errorf("%d of 500 random passwords of %d characters of %q are refused, at most %d should be", refused, length, set, most)
			}
		}
	}
}
