package web

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"claviger/internal/access"
)

// exportTime is how long one batch of an export may take to reach whoever asked.
const exportTime = time.Minute

// activityExport sends all acts that the filters of Activity choose as a file, latest
// first: CSV for people, or JSON lines as claviger audit export prints them. It is sent
// while it is read; where that fails it panics with [http.ErrAbortHandler], which breaks
// the connection off, so that nobody takes a part for the whole.
func (s *Server) activityExport(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	filter, fields := s.eventFilter(query)
	if len(fields) > 0 {
		return &access.Error{Kind: access.Invalid, Message: fields[0].Message, Fields: fields}
	}
	format := query.Get("format")
	if format != "csv" && format != "jsonl" {
		return &access.Error{Kind: access.Invalid, Message: "Choose a format: ?format=csv or ?format=jsonl."}
	}
	out := &exportWriter{s: s, w: w, format: format}
	err := s.Registry.ExportActivity(r.Context(), s.actor(r), r.PathValue("org"), query.Get("app"), filter, out.write)
	if err != nil && out.begun {
		s.Log.Warn("an export of Activity broke off", "error", err)
		panic(http.ErrAbortHandler)
	}
	return err
}

// exportWriter writes events in one format.
type exportWriter struct {
	s      *Server
	w      http.ResponseWriter
	format string
	begun  bool
}

// write sends one batch; the first one, empty or not, begins the answer.
func (x *exportWriter) write(st access.Standing, apps map[string]string, events []access.Event) error {
	deadline := x.s.Wall.Now().Add(exportTime)
	if err := http.NewResponseController(x.w).SetWriteDeadline(deadline); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if !x.begun {
		x.begin(st)
	}
	if x.format == "jsonl" {
		return writeLines(x.w, events)
	}
	return x.writeRows(apps, events)
}

func (x *exportWriter) begin(st access.Standing) {
	kind, header := "application/x-ndjson", ""
	if x.format == "csv" {
		kind, header = "text/csv; charset=utf-8; header=present", strings.Join(exportColumns, ",")+"\r\n"
	}
	name := "activity-" + st.Organization.Slug + "-" + x.s.now().Format(time.DateOnly) + "." + x.format
	h := x.w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", `attachment; filename="`+name+`"`)
	x.w.WriteHeader(http.StatusOK)
	x.begun = true
	_, _ = io.WriteString(x.w, header) // a reader that is gone shows with the next one
}

func writeLines(w io.Writer, events []access.Event) error {
	for _, e := range events {
		line, err := e.Line()
		if err != nil {
			return err
		}
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	return nil
}

// exportColumns never change their names or order; new ones come at the end.
var exportColumns = []string{
	"seq", "time", "act", "actor", "actor_id", "application", "target", "target_id", "reason", "address", "agent", "count", "elevation_id", "detail",
}

func (x *exportWriter) writeRows(apps map[string]string, events []access.Event) error {
	rows := csv.NewWriter(x.w)
	rows.UseCRLF = true // RFC 4180 §2
	for _, e := range events {
		detail := ""
		if len(e.Detail) > 0 {
			text, err := json.Marshal(e.Detail)
			if err != nil {
				return err
			}
			detail = string(text)
		}
		row := []string{
			strconv.FormatInt(e.Seq, 10), e.At.UTC().Format(time.RFC3339Nano), string(e.Act), e.ActorName, e.ActorID, apps[e.ApplicationID], e.TargetName, e.TargetID,
			e.Reason, e.Address, e.Agent, strconv.FormatInt(e.Count, 10), e.ElevationID, detail,
		}
		for i := range row {
			row[i] = tame(row[i])
		}
		if err := rows.Write(row); err != nil {
			return err
		}
	}
	rows.Flush()
	return rows.Error()
}

// tame keeps a spreadsheet from taking for a formula what somebody typed: a label or
// the name of a user agent is text, whatever it begins with.
func tame(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n|%", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
