package templates_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// TestIconsAreThere: every symbol that a page draws is in static/icons.svg, and the other
// way round.
func TestIconsAreThere(t *testing.T) {
	drawn := symbols(t, "icons.go", `icon\("([a-z-]+)"\)`)
	there := symbols(t, filepath.Join("..", "static", "icons.svg"), `<symbol id="([a-z-]+)"`)
	if len(drawn) < 20 || !slices.Equal(drawn, there) {
		t.Errorf("icons.go draws %q, icons.svg has %q", drawn, there)
	}
}

func symbols(t *testing.T, file, pattern string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(text), -1) {
		names = append(names, match[1])
	}
	slices.Sort(names)
	return names
}
