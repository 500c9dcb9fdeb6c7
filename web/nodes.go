package web

import (
	"fmt"
	"net/http"
	"time"

	"claviger/internal/access"
	"claviger/templates"
)

// nodes lists the servers that share the database.
func (s *Server) nodes(w http.ResponseWriter, r *http.Request) error {
	page, err := s.Registry.Nodes(r.Context(), s.actor(r), r.PathValue("org"))
	if err != nil {
		return err
	}
	st := page.Standing
	view := templates.NodesView{
		Frame: s.frame(r, "Nodes", st, crumb("Activity", orgPath(st)+"/activity"), crumb("Nodes", "")), Shared: page.Shared, KeysDiffer: page.KeysDiffer,
		Behind: s.doubted() != nil, Jumped: s.jumped(),
	}
	if page.Last.Seq != 0 {
		row := s.eventRow(page.Last, nil)
		view.Last, view.LastAt, view.LastIn = row.What, row.At, page.In
	}
	for _, n := range page.Nodes {
		row := templates.NodeRow{
			Name: n.Name, Version: n.Version, This: n.Self, Alive: n.Alive(), Heard: s.silence(n.Silent), Acts: actsOn(n, page.Last), Since: s.ago(n.StartedAt),
		}
		if len(n.Keys) > 0 {
			row.Primary, row.Keys = n.Keys[0], n.Keys[1:]
		}
		view.Nodes = append(view.Nodes, row)
	}
	return s.show(w, r, templates.Nodes(view))
}

// jumped says how the wall clock has jumped since the server began; empty = it has not.
func (s *Server) jumped() string {
	if s.Jumps == nil {
		return ""
	}
	j := s.Jumps()
	if j.Count == 0 {
		return ""
	}
	way := "forward"
	if j.By < 0 {
		way = "back"
	}
	return fmt.Sprintf("%s since the server began; the last one on %s, by %s %s. A machine that slept has jumped forward.",
		plural(j.Count, "jump"), j.At.In(s.Zone).Format(longTime), j.By.Abs().Round(time.Second), way)
}

// silence says how long ago a node was heard of.
func (s *Server) silence(d time.Duration) string {
	if d < 2*time.Second {
		return "now"
	}
	now := s.now()
	return templates.Relative(now.Add(-d), now)
}

// actsOn says whether a node acts on what was last taken away. How long that took is
// known of the latest change only.
func actsOn(n access.Node, last access.Event) string {
	switch {
	case last.Seq == 0:
		return "–"
	case n.Confirmed < last.Seq && n.Alive():
		return "not yet"
	case n.Confirmed < last.Seq:
		return "unknown"
	case n.Confirmed == last.Seq && n.Lag > 0:
		return fmt.Sprintf("yes, after %.1f ms", float64(n.Lag.Microseconds())/1000)
	}
	return "yes"
}
