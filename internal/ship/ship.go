// Package ship knows how to hand events to a file, to syslog and to a webhook, so that
// each of them has acknowledged what it was handed. What is handed to whom and when,
// and what has arrived, is [claviger/internal/access]'s to know.
//
// An event travels as the line that claviger audit export prints for it.
package ship

import (
	"claviger/internal/access"
)

// lines returns the lines of events.
func lines(events []access.Event) ([][]byte, error) {
	out := make([][]byte, len(events))
	for i, e := range events {
		var err error
		if out[i], err = e.Line(); err != nil {
			return nil, err
		}
	}
	return out, nil
}
