package templates_test

import (
	"time"

	"claviger/templates"
)

func restrictSamples() []sample {
	view := templates.RestrictView{
		Frame: inManage("Edit Northwind nightly", templates.Link{Text: "Edit"}), Noun: "token", Label: "Northwind nightly", Allow: "10.0.3.0/24\n2001:db8::/32",
		Rate: "10", Burst: "20", LastUsed: ago(2 * time.Minute), LastFrom: "10.0.3.7", Action: sampleBase + "/tokens/01/restrict", CancelURL: sampleBase + "/tokens/01",
	}
	wrong := view
	wrong.Allow, wrong.Rate, wrong.AskSure = "10.0.3.300", "", true
	wrong.Errors = []templates.FieldError{
		{Field: "allow", Message: "10.0.3.300 is no address and no network."},
		{Field: "rate", Message: "Enter how many requests a second, too; or clear the burst for no limit."},
		{Field: "sure", Message: "It was last used from 10.0.3.7, which is not on this list: calls from there would be refused from now on."},
	}
	basic := view
	basic.Noun, basic.Label, basic.Allow, basic.Rate, basic.Burst, basic.LastFrom, basic.LastUsed = "", "Orders", "", "", "", "", templates.When{Text: "never"}
	return []sample{
		{name: "restrict", page: templates.Restrict(view)},
		{name: "restrict-wrong", page: templates.Restrict(wrong)},
		{name: "restrict-basic", page: templates.Restrict(basic)},
	}
}
