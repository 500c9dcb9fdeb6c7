package testkit

import (
	"net/url"
	"strings"
	"testing"

	"github.com/andybalholm/cascadia"
	"golang.org/x/net/html"
)

// HTML is an element of a parsed page (or the page itself), asked by CSS selectors.
type HTML struct {
	t    testing.TB
	node *html.Node
}

// ParseHTML parses a page or a fragment of one as a browser would. It fails the test if body holds no markup.
func ParseHTML(t testing.TB, body string) *HTML {
	t.Helper()
	if !strings.Contains(body, "<") {
		t.Fatalf("not HTML: %.200q", body)
	}
	node, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatalf("parse HTML: %v", err)
	}
	return &HTML{t: t, node: node}
}

// All returns every element that matches sel, in the order of the document.
func (h *HTML) All(sel string) []*HTML {
	h.t.Helper()
	compiled, err := cascadia.ParseGroup(sel)
	if err != nil {
		h.t.Fatalf("selector %q: %v", sel, err)
	}
	var found []*HTML
	for _, node := range cascadia.QueryAll(h.node, compiled) {
		found = append(found, &HTML{t: h.t, node: node})
	}
	return found
}

// One returns the only element that matches sel. None or several fail the test.
func (h *HTML) One(sel string) *HTML {
	h.t.Helper()
	found := h.All(sel)
	if len(found) != 1 {
		h.t.Fatalf("%q matches %d elements, want 1, in:\n%.4000s", sel, len(found), h.String())
	}
	return found[0]
}

// Has says whether anything matches sel.
func (h *HTML) Has(sel string) bool {
	h.t.Helper()
	return len(h.All(sel)) > 0
}

// Text returns the element's text with each run of white space made one space, without scripts and styles.
func (h *HTML) Text() string {
	var text strings.Builder
	writeText(&text, h.node)
	return strings.Join(strings.Fields(text.String()), " ")
}

func writeText(text *strings.Builder, node *html.Node) {
	switch {
	case node.Type == html.TextNode:
		text.WriteString(node.Data)
	case node.Type == html.ElementNode && (node.Data == "script" || node.Data == "style"):
		return
	}
	for child := range node.ChildNodes() {
		writeText(text, child)
	}
	if node.Type == html.ElementNode && blockElements[node.Data] {
		text.WriteByte('\n')
	}
}

// blockElements part words that stand side by side in the source: <td>a</td><td>b</td> reads "a b".
var blockElements = map[string]bool{
	"address": true, "article": true, "aside": true, "br": true, "button": true, "dd": true, "details": true,
	"dialog": true, "div": true, "dl": true, "dt": true, "fieldset": true, "footer": true, "form": true, "h1": true,
	"h2": true, "h3": true, "h4": true, "header": true, "hr": true, "label": true, "legend": true, "li": true,
	"main": true, "nav": true, "ol": true, "option": true, "p": true, "pre": true, "section": true, "summary": true,
	"table": true, "td": true, "th": true, "title": true, "tr": true, "ul": true,
}

// Attr returns the value of an attribute, empty if it is not there (see [HTML.HasAttr]).
func (h *HTML) Attr(name string) string {
	value, _ := attribute(h.node, name)
	return value
}

// HasAttr says whether the element has the attribute, with a value or without.
func (h *HTML) HasAttr(name string) bool {
	_, ok := attribute(h.node, name)
	return ok
}

func attribute(node *html.Node, name string) (string, bool) {
	for _, attr := range node.Attr {
		if attr.Namespace == "" && attr.Key == name {
			return attr.Val, true
		}
	}
	return "", false
}

// String returns the element as markup.
func (h *HTML) String() string {
	var out strings.Builder
	if err := html.Render(&out, h.node); err != nil {
		return err.Error()
	}
	return out.String()
}

// Form returns what the form that matches sel would send if nothing in it were touched: every named field that is
// not disabled with its default value, only the checked ones of radios and checkboxes, no buttons. Fields that
// stand elsewhere and name the form by its id count.
func (h *HTML) Form(sel string) url.Values {
	h.t.Helper()
	form := h.One(sel)
	if form.node.Data != "form" {
		h.t.Fatalf("%q is a <%s>, not a <form>", sel, form.node.Data)
	}
	values := url.Values{}
	for _, field := range h.All("input, select, textarea") {
		name := field.Attr("name")
		if name == "" || field.disabled() || field.owner() != form.node {
			continue
		}
		for _, value := range field.values() {
			values.Add(name, value)
		}
	}
	return values
}

// owner is the form that the field is sent with: the one that its form attribute names, else the one around it.
func (h *HTML) owner() *html.Node {
	if id, ok := attribute(h.node, "form"); ok {
		root := h.node
		for root.Parent != nil {
			root = root.Parent
		}
		for node := range root.Descendants() {
			if other, has := attribute(node, "id"); has && other == id && node.Data == "form" {
				return node
			}
		}
		return nil
	}
	for node := range h.node.Ancestors() {
		if node.Data == "form" {
			return node
		}
	}
	return nil
}

// disabled says whether the field or a fieldset around it is disabled.
func (h *HTML) disabled() bool {
	if h.HasAttr("disabled") {
		return true
	}
	for node := range h.node.Ancestors() {
		if _, ok := attribute(node, "disabled"); ok && node.Data == "fieldset" {
			return true
		}
	}
	return false
}

// values are the field's default values, as a browser would send them.
func (h *HTML) values() []string {
	switch h.node.Data {
	case "textarea":
		var text strings.Builder
		for child := range h.node.ChildNodes() {
			text.WriteString(child.Data)
		}
		return []string{text.String()}
	case "select":
		return h.selected()
	}
	switch strings.ToLower(h.Attr("type")) {
	case "submit", "button", "reset", "image", "file":
		return nil
	case "checkbox", "radio":
		if !h.HasAttr("checked") {
			return nil
		}
		if !h.HasAttr("value") {
			return []string{"on"}
		}
	}
	return []string{h.Attr("value")}
}

// selected are the values of a select: the marked options, or the first one where only one can be chosen.
func (h *HTML) selected() []string {
	var marked, enabled []string
	for _, option := range h.All("option") {
		value := option.Text()
		if option.HasAttr("value") {
			value = option.Attr("value")
		}
		if option.HasAttr("disabled") {
			continue
		}
		enabled = append(enabled, value)
		if option.HasAttr("selected") {
			marked = append(marked, value)
		}
	}
	if h.HasAttr("multiple") {
		return marked
	}
	if len(marked) > 0 {
		return marked[len(marked)-1:]
	}
	return enabled[:min(1, len(enabled))]
}
