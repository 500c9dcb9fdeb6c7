package templates_test

import (
	"time"

	"claviger/templates"
)

func nodeSamples() []sample {
	at := inAcme("Nodes", templates.Link{Text: "Activity", Href: "/orgs/acme/activity"}, templates.Link{Text: "Nodes"})
	return []sample{
		{name: "nodes", page: templates.Nodes(templates.NodesView{
			Frame: at, Shared: true, KeysDiffer: true, Last: "revoked the token “CI deploy”", LastIn: "Orders", LastAt: ago(3 * time.Minute),
			Nodes: []templates.NodeRow{
				{Name: "keys-1.example.com", Version: "1.2.0", This: true, Alive: true, Heard: "now", Acts: "yes, after 0.8 ms", Primary: "key_2026b", Keys: []string{"key_2025a"}, Since: ago(26 * time.Hour)},
				{Name: "keys-2.example.com", Version: "1.2.0", Alive: true, Heard: "now", Acts: "yes, after 2.4 ms", Primary: "key_2025a", Since: ago(26 * time.Hour)},
				{Name: "keys-3-with-a-rather-long-name.subsidiary.example.com", Version: "1.1.3", Heard: "2 min ago", Acts: "unknown", Since: ago(90 * time.Hour)},
			},
		})},
		{name: "nodes-behind", page: templates.Nodes(templates.NodesView{
			Frame: at, Shared: true, Behind: true,
			Nodes: []templates.NodeRow{{Name: "keys-1.example.com", Version: "1.2.0", This: true, Alive: true, Heard: "now", Acts: "–", Primary: "key_2026b", Since: ago(26 * time.Hour)}},
		})},
		{name: "nodes-one", page: templates.Nodes(templates.NodesView{Frame: at, Jumped: "2 jumps since the server began; the last one on 21 November 2026, 14:08, by 1h0m0s forward. A machine that slept has jumped forward."})},
	}
}
