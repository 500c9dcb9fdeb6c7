package templates

// NodesView is the servers that share the database; none where only one can.
type NodesView struct {
	Frame
	Shared bool // several servers can share the database
	Nodes  []NodeRow
	// Last is what was last taken away from a caller: "ci revoked by Ada". May be empty.
	Last   string
	LastIn string // the name of the application that it was in; may be empty
	LastAt When
	// Jumped says how the wall clock of this server has jumped; empty = it has not.
	Jumped string
	// KeysDiffer warns that nodes have different server keys; Behind that the database
	// lacks acts that this server knows of.
	KeysDiffer, Behind bool
}

// NodeRow is one server.
type NodeRow struct {
	Name, Version string
	This          bool // the one that shows the page
	Alive         bool
	Heard         string // "now", "12 s ago"
	Acts          string // "yes, after 3 ms", "not yet"
	Since         When
	Primary       string   // the id of its primary server key; empty = it does not say
	Keys          []string // those of its other ones
}
