// Package ship knows how to hand events to a file, to syslog and to a webhook, so that
// each of them has acknowledged what it was handed. What is handed to whom and when,
// and what has arrived, is [claviger/internal/access]'s to know.
//
// An event travels as the line that claviger audit export prints for it.
package ship

import "claviger/internal/access"

// lines returns the lines of events, one behind the other.
func lines(events []access.Event) ([]byte, error) {
	var out []byte
	for _, e := range events {
		line, err := e.Line()
		if err != nil {
			return nil, err
		}
		out = append(out, line...)
	}
	return out, nil
}
