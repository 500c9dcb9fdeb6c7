package main_test

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"claviger/internal/testkit"
)

// TestCollectorIsEased: thousands of requests make little garbage to be collected, and what the collector is made to
// believe in takes no memory. Where GOGC says what to do, that is done.
func TestCollectorIsEased(t *testing.T) {
	t.Parallel()
	for env, eased := range map[string]bool{"GOGC=": true, "GOGC=100": false} {
		p := testkit.Start(t, t.TempDir(), []string{"GODEBUG=gctrace=1", env})
		for range 5000 {
			request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.ConsoleURL+"/verify/nobody/nothing", nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("X-Large", strings.Repeat("x", 4<<10))
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, response.Body)
			_ = response.Body.Close()
		}
		_, after, forced := strings.Cut(p.Stderr(), "(forced)\n")
		if forced != eased {
			t.Errorf("%s: what the start left was collected: %t, want %t", env, forced, eased)
		}
		if !forced {
			continue
		}
		if times := strings.Count(after, "gc "); times > 3 { // dozens, were it not eased
			t.Errorf("%s: garbage was collected %d times in 5,000 requests, want at most 3", env, times)
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
		if err != nil {
			t.Skip("this system does not tell how much memory a process has")
		}
		var kB int
		_, line, _ := strings.Cut(string(status), "VmRSS:")
		if _, err := fmt.Sscan(line, &kB); err != nil || kB > 100<<10 {
			t.Errorf("%s: the server takes %d kB of memory, %v", env, kB, err)
		}
	}
}
