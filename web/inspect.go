package web

import (
	"net/http"
	"net/url"

	"claviger/internal/access"
	"claviger/templates"
)

// kindWords names the kinds of credentials for people.
var kindWords = map[access.Kind]string{
	access.KindBasic: "Basic credentials", access.KindToken: "API token", access.KindClient: "client secret",
	access.KindPersonal: "personal API token", access.KindAccessToken: "access token",
}

func (s *Server) inspectForm(w http.ResponseWriter, r *http.Request) error {
	st, err := s.Registry.StandElevatedAdmin(r.Context(), s.actor(r), r.PathValue("org"))
	if err != nil {
		return err
	}
	return s.show(w, r, templates.Inspect(s.inspectView(r, st)))
}

func (s *Server) inspectView(r *http.Request, st access.Standing) templates.InspectView {
	return templates.InspectView{
		Frame: s.frame(r, "Paste a credential", st, crumb("Paste a credential", "")), Organization: st.Organization.Name, Action: orgPath(st) + "/inspect",
	}
}

// inspect says which credential of the organization was pasted. Nothing of what was
// pasted is kept, logged, or in the answer.
func (s *Server) inspect(w http.ResponseWriter, r *http.Request) error {
	found, err := s.Verifier.Inspect(r.Context(), s.actor(r), r.PathValue("org"), r.PostForm.Get("pasted"))
	if fields, ok := fieldErrors(err); ok {
		st, err := s.Registry.StandElevatedAdmin(r.Context(), s.actor(r), r.PathValue("org"))
		if err != nil {
			return err
		}
		view := s.inspectView(r, st)
		view.Errors = fields
		return s.showErrors(w, r, templates.Inspect(view))
	}
	if err != nil {
		return err
	}
	view := s.inspectView(r, found.Standing)
	view.Asked = true
	if found.Found {
		view.Results = []templates.InspectResult{s.inspectResult(found)}
	}
	return s.show(w, r, templates.Inspect(view))
}

func (s *Server) inspectResult(f access.Inspected) templates.InspectResult {
	c, org := f.Credential, f.Standing.Organization
	result := templates.InspectResult{
		Kind: kindWords[c.Kind], Label: c.Label, Masked: c.Masked(), State: string(f.State), Owner: org.Name, LastUsed: s.ago(f.LastUse.At),
		LastFrom: f.LastUse.Address, StateDetail: s.stateDetail(access.UsedCredential{Credential: c, State: f.State}),
	}
	if c.Kind == access.KindBasic {
		result.Label = ""
	}
	base := "/orgs/" + org.Slug
	for _, v := range f.Verdicts {
		verdict := templates.Verdict{Application: v.Application.Name, Accepted: v.Verdict.Accepted(), Because: v.Verdict.Description}
		if verdict.Accepted {
			verdict.Because = scopesInWords(v.Verdict.Principal.Scopes, nil)
		}
		result.Verdicts = append(result.Verdicts, verdict)
		if v.Application.ID == c.ApplicationID {
			result.Owner = v.Application.Name
			result.Href = base + "/apps/" + v.Application.Slug
		}
	}
	switch {
	case f.User.ID != "":
		result.Owner = f.User.Name + " (" + f.User.Email + ")"
		result.Href = base + "/members/tokens?" + url.Values{"member": {f.User.ID}}.Encode()
	case c.Kind == access.KindBasic:
		result.Href += "/manage-api"
	case c.Kind == access.KindToken:
		result.Href += "/manage-api/tokens/" + c.ID
	case c.Kind == access.KindClient && c.ApplicationID == "":
		result.Href = base + "/clients/" + c.ID
	case c.Kind == access.KindClient:
		result.Href += "/clients/" + c.ID
	}
	if f.Access.ID != "" {
		result.Kind, result.Masked, result.StateDetail = kindWords[access.KindAccessToken], f.Access.Masked(), ""
		if f.User.ID != "" {
			result.Label = f.User.Name
			result.Href = base + "/members/" + f.User.ID + "/access-tokens"
		}
	}
	return result
}
