package testkit

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
)

// complaints collects what the tabs of a browser report.
type complaints struct {
	allowed []string

	mu    sync.Mutex
	heard []string
}

// hear takes the events of a tab.
func (c *complaints) hear(event any) {
	switch event := event.(type) {
	case *runtime.EventExceptionThrown:
		c.add("uncaught " + describe(event.ExceptionDetails))
	case *runtime.EventConsoleAPICalled:
		if event.Type == runtime.APITypeError || event.Type == runtime.APITypeAssert {
			c.add("console." + event.Type.String() + ": " + arguments(event.Args))
		}
	case *log.EventEntryAdded:
		// Violations of the content security policy come as errors of the source "security".
		if event.Entry.Level == log.LevelError {
			c.add(fmt.Sprintf("%s: %s %s", event.Entry.Source, event.Entry.Text, event.Entry.URL))
		}
	}
}

func (c *complaints) add(complaint string) {
	if slices.ContainsFunc(c.allowed, func(text string) bool { return strings.Contains(complaint, text) }) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.heard = append(c.heard, complaint)
}

func (c *complaints) all() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.heard)
}

// describe puts an exception into one text.
func describe(details *runtime.ExceptionDetails) string {
	text := details.Text
	if details.Exception != nil && details.Exception.Description != "" {
		text += " " + details.Exception.Description
	}
	return fmt.Sprintf("%s (%s:%d)", text, details.URL, details.LineNumber+1)
}

func arguments(values []*runtime.RemoteObject) string {
	var texts []string
	for _, value := range values {
		if value.Description != "" {
			texts = append(texts, value.Description)
		} else {
			texts = append(texts, string(value.Value))
		}
	}
	return strings.Join(texts, " ")
}
