package web

import (
	"net/http"
	"net/url"
	"time"

	"claviger/internal/access"
	"claviger/internal/secret"
	"claviger/templates"
)

func (s *Server) replaceForm(w http.ResponseWriter, r *http.Request) error {
	draft, err := s.takeDraft(w, r)
	if err != nil {
		return err
	}
	view, err := s.replaceView(r, draft)
	if err != nil {
		return err
	}
	return s.show(w, r, templates.ReplaceForm(view))
}

func (s *Server) replaceView(r *http.Request, form url.Values) (templates.ReplaceFormView, error) {
	sh, page, err := s.detail(r)
	if err != nil {
		return templates.ReplaceFormView{}, err
	}
	c := page.Token.Credential
	href, now := sh.one(c.ID), s.now()
	view := templates.ReplaceFormView{
		Frame: s.frame(r, "Replace "+sh.noun, page.Standing, sh.crumbs(crumb(c.Label, href), crumb("Replace", ""))...), Noun: sh.noun,
		Label: c.Label, Masked: c.Masked(), Use: s.useLine(page.Token), EndDate: form.Get("end_date"), MinDate: now.UTC().Format(time.DateOnly),
		Action: href + "/replace", Nonce: secret.RandomText(22), CancelURL: href,
	}
	chosen := form.Get("end")
	if chosen == "" {
		chosen = "24h"
	}
	at := func(d time.Duration) string { return now.Add(d).Format(longTime) }
	for _, end := range []templates.ExpiryChoice{
		{Value: "now", Text: "Now"},
		{Value: "24h", Text: "In 24 hours", Date: at(24 * time.Hour)},
		{Value: "7d", Text: "In 7 days", Date: at(7 * 24 * time.Hour)},
		{Value: "date", Text: "On a date"},
	} {
		end.Checked = end.Value == chosen
		view.Ends = append(view.Ends, end)
	}
	return view, nil
}

// replace makes a credential in another one's place, and shows its secret, once.
func (s *Server) replace(w http.ResponseWriter, r *http.Request) error {
	sh := shelfOf(r)
	draft := access.ReplaceDraft{End: r.PostForm.Get("end"), Nonce: nonceOf(r.PostForm)}
	if draft.End == "date" {
		if draft.End = r.PostForm.Get("end_date"); draft.End == "" {
			draft.End = "date" // which the domain refuses: without a date it would choose one
		}
	}
	issued, err := s.Registry.Replace(r.Context(), s.actor(r), sh.org, sh.app, r.PathValue("id"), draft)
	if fields, ok := fieldErrors(err); ok {
		view, err := s.replaceView(r, r.PostForm)
		if err != nil {
			return err
		}
		if r.PostForm.Get("end") == "date" {
			fields[0].Field = "end_date"
		}
		view.Errors = fields
		return s.showErrors(w, r, templates.ReplaceForm(view))
	}
	if err != nil {
		return err
	}
	return s.showIssued(w, r, sh, issued)
}

// nonceOf returns a form's nonce, at most 64 bytes of it.
func nonceOf(form url.Values) string {
	nonce := form.Get("nonce")
	return nonce[:min(len(nonce), 64)]
}
