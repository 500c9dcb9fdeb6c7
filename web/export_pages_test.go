package web

// RouteLine is one line of the site map, for the tests of package web_test.
type RouteLine struct {
	Pattern, Audience, Form string
}

// RouteLines returns the site map.
func RouteLines() []RouteLine {
	names := map[audience]string{anybody: "anybody", signedIn: "signed in"}
	var out []RouteLine
	for _, rt := range (&Server{}).routes() {
		out = append(out, RouteLine{rt.pattern, names[rt.audience], rt.form})
	}
	return out
}

// PageHeaders returns the headers that every page has.
func PageHeaders() map[string]string { return pageHeaders }
