package access

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// eventLine is an event as it leaves the installation, one a line. Its names never
// change, and it holds all of which the hash is made: see docs/operations.md.
type eventLine struct {
	Encoding     string            `json:"encoding"`
	Seq          int64             `json:"seq"`
	ID           string            `json:"id"`
	At           time.Time         `json:"at"`
	Organization string            `json:"organization_id,omitempty"`
	Application  string            `json:"application_id,omitempty"`
	Act          Act               `json:"act"`
	Actor        string            `json:"actor_id,omitempty"`
	ActorName    string            `json:"actor_name,omitempty"`
	Target       string            `json:"target_id,omitempty"`
	TargetName   string            `json:"target_name,omitempty"`
	Elevation    string            `json:"elevation_id,omitempty"`
	Reason       string            `json:"reason,omitempty"`
	Address      string            `json:"address,omitempty"`
	Agent        string            `json:"agent,omitempty"`
	Count        int64             `json:"count"`
	Detail       map[string]string `json:"detail,omitempty"`
	PrevHash     string            `json:"prev_hash"`
	Hash         string            `json:"hash"`
}

// Line returns the event as a line of JSON, its end included.
func (e Event) Line() ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(eventLine{
		EventEncoding, e.Seq, e.ID, e.At, e.OrganizationID, e.ApplicationID, e.Act, e.ActorID, e.ActorName, e.TargetID, e.TargetName,
		e.ElevationID, e.Reason, e.Address, e.Agent, e.Count, e.Detail, hex.EncodeToString(e.PrevHash), hex.EncodeToString(e.Hash),
	})
	return b.Bytes(), err
}

// ParseEventLine reads what [Event.Line] returned. It takes nothing else.
func ParseEventLine(line []byte) (Event, error) {
	var x eventLine
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&x); err != nil {
		return Event{}, fmt.Errorf("not a line of claviger audit export: %w", err)
	}
	if x.Encoding != EventEncoding {
		return Event{}, fmt.Errorf("encoding %q is not known to this claviger", x.Encoding)
	}
	prev, err1 := hex.DecodeString(x.PrevHash)
	hash, err2 := hex.DecodeString(x.Hash)
	return Event{
		Seq: x.Seq, ID: x.ID, At: x.At, OrganizationID: x.Organization, ApplicationID: x.Application, Act: x.Act, ActorID: x.Actor,
		ActorName: x.ActorName, TargetID: x.Target, TargetName: x.TargetName, ElevationID: x.Elevation, Reason: x.Reason, Address: x.Address,
		Agent: x.Agent, Count: x.Count, Detail: x.Detail, PrevHash: prev, Hash: hash,
	}, errors.Join(err1, err2)
}
