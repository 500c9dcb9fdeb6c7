package access

import (
	"context"
	"slices"
	"time"
)

// Node is a server of those that share one database, as each says of itself there.
// What is said of time is by the database's clock, so that the nodes' own need not
// agree.
type Node struct {
	ID        string
	Name      string // of its machine
	Version   string
	Keys      []string // ids of its server keys, the primary one first; nil = it does not say
	StartedAt time.Time
	Silent    time.Duration // how long nothing was heard of it
	// Confirmed is the number of the latest event that it acts on, with all changes
	// before it; Lag is how long that took, from before the change was committed.
	Confirmed int64
	Lag       time.Duration // 0 = it knew of it when it came
	Self      bool          // the one that was asked
}

// NewNode returns a server that starts now, on a machine of that name.
func NewNode(name, version string, now time.Time) Node {
	return Node{ID: newID(idNode, now), Name: clip(name, 200), Version: clip(version, 200)}
}

// NodeSilence is after how long a node of which nothing was heard counts as gone: it
// says something each second.
const NodeSilence = 5 * time.Second

// Alive reports whether the node was heard of lately.
func (n Node) Alive() bool { return n.Silent < NodeSilence }

// Nodes is what is known of the servers, and of what they heard last.
type Nodes struct {
	Standing Standing
	Shared   bool // several servers can share the database
	Nodes    []Node
	// KeysDiffer says that nodes which are alive have different server keys, or another
	// one of them as the primary one: what one makes, another one may not recognise.
	KeysDiffer bool
	Last       Event  // the latest that took something away from a caller; Seq 0 = none of late
	In         string // the name of the application that it was in; empty = in none
}

// takesAway are the acts by which callers lose what they had.
var takesAway = []Act{
	ActRevokeToken, ActPauseToken, ActRevokeClient, ActPauseClient, ActRevokePersonal, ActPausePersonal, ActRevokeAccessToken,
	ActDisableBasic, ActRemoveMember, ActChangeRole, ActDisableUser, ActRevokeEverything,
}

// lookedBack is how many events are looked at for the latest that took something away.
const lookedBack = 200

// Nodes returns the servers that share the database, for admins.
func (r *Registry) Nodes(ctx context.Context, a Actor, organization string) (Nodes, error) {
	var out Nodes
	err := r.look(ctx, a, organization, "", need{role: Admin}, func(tx ReadTx, s Standing) error {
		out = Nodes{Standing: s}
		events, err := tx.Events(EventFilter{OrganizationID: s.Organization.ID, Limit: lookedBack})
		if i := slices.IndexFunc(events, func(e Event) bool { return slices.Contains(takesAway, e.Act) }); i >= 0 {
			out.Last = events[i]
		}
		if err != nil || out.Last.ApplicationID == "" {
			return err
		}
		app, err := tx.ApplicationByID(out.Last.ApplicationID)
		out.In = app.Name
		return err
	})
	if err != nil {
		return out, err
	}
	out.Nodes, err = r.Store.Nodes(ctx)
	out.Shared, out.KeysDiffer = out.Nodes != nil, keysDiffer(out.Nodes)
	return out, err
}

// tellKeys returns the nodes that are alive and say which server keys they have.
func tellKeys(nodes []Node) []Node {
	return slices.DeleteFunc(slices.Clone(nodes), func(n Node) bool { return !n.Alive() || len(n.Keys) == 0 })
}

// without returns the names of those that do not have a server key.
func without(nodes []Node, key string) []string {
	return nodeNames(slices.DeleteFunc(slices.Clone(nodes), func(n Node) bool { return slices.Contains(n.Keys, key) }))
}

// nodeNames names nodes, each with its id: machines can have one and the same name.
func nodeNames(nodes []Node) []string {
	var names []string
	for _, n := range nodes {
		names = append(names, n.Name+" ("+n.ID+")")
	}
	return names
}

func keysDiffer(nodes []Node) bool {
	var first []string
	for _, n := range tellKeys(nodes) {
		same := slices.Clone(n.Keys)
		slices.Sort(same[1:]) // the order of the others does not matter
		if first != nil && !slices.Equal(first, same) {
			return true
		}
		first = same
	}
	return false
}
