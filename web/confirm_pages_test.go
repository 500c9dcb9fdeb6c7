package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"claviger/internal/access"
)

// TestConfirmAfterRestore: what a restore left unconfirmed is marked in the list and
// on its page until it is confirmed there, which is recorded.
func TestConfirmAfterRestore(t *testing.T) {
	c, v := elevatedConsole(t)
	token := c.Token("acme", "orders", "partner", "").Credential.ID
	const mark = ".mark.amber"
	if page := v.Get(managePage).Page(t); page.Has("main tbody " + mark) {
		t.Error("marked before a restore")
	}
	err := c.Store.Update(t.Context(), func(tx access.Tx) error {
		_, err := tx.MarkUnconfirmed(c.Clock.Now())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if page := v.Get(managePage).Page(t); !page.Has("main tbody " + mark) {
		t.Error("the list does not mark it")
	}
	page := managePage + "/tokens/" + token
	if a := v.Get(page); !strings.Contains(a.Page(t).One(".message.warning").Text(), "nobody knows whether this was revoked") || !a.Page(t).Has("form[action$='/confirm']") {
		t.Errorf("its page: %s", a.Body)
	}
	if a := v.Post(page + "/confirm"); a.Status != http.StatusSeeOther || a.Location != page {
		t.Errorf("confirm: %d %s", a.Status, a.Location)
	}
	after := v.Get(page)
	if strings.Contains(after.Body, "nobody knows whether") || after.Page(t).Has("form[action$='/confirm']") || !strings.Contains(after.Body, "confirmed the token “partner” after a restore") {
		t.Error("confirmed, it is still marked, or not recorded")
	}
	if a := v.Post(page + "/confirm"); a.Status != http.StatusSeeOther {
		t.Errorf("a second time: %d", a.Status)
	}
}

// TestConfirmSeveralAfterRestore: tokens, clients and personal tokens by ticking them in their lists, and Basic by its button; each is
// recorded, and the buttons are there only as long as something is to be confirmed.
func TestConfirmSeveralAfterRestore(t *testing.T) {
	c, v := ownersConsole(t)
	o, a := c.place("acme", "orders")
	ben := c.memberCalled("usr_ben", o, access.Member).ID
	lists := map[string][]string{
		managePage:                  {c.Token("acme", "orders", "one", "").Credential.ID, c.Token("acme", "orders", "two", "").Credential.ID},
		ordersPath:                  {c.credential(access.Credential{Kind: access.KindClient, OrganizationID: o.ID, ApplicationID: a.ID})},
		"/orgs/acme/members/tokens": {c.credential(access.Credential{Kind: access.KindPersonal, OrganizationID: o.ID, UserID: ben})},
	}
	const button, basic = "form.bulk button[formaction$='/confirm']", "form[action$='/basic/confirm']"
	for list := range lists {
		if page := v.Get(list).Page(t); page.Has(button) || page.Has(basic) {
			t.Errorf("%s offers to confirm before a restore", list)
		}
	}
	err := c.Store.Update(t.Context(), func(tx access.Tx) error {
		_, err := tx.MarkUnconfirmed(c.Clock.Now())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if page := v.Get(managePage).Page(t); !strings.Contains(page.One(".message.warning").Text(), "nobody knows whether this was revoked") {
		t.Error("Basic is not marked")
	}
	if a := v.Post(managePage + "/basic/confirm"); a.Status != http.StatusSeeOther || a.Location != managePage || c.Events("acme")[0].Act != access.ActConfirmBasic {
		t.Errorf("Basic: %d %s, %s", a.Status, a.Location, c.Events("acme")[0].Act)
	}
	for list, ids := range lists {
		action := v.Get(list).Page(t).One(button).Attr("formaction")
		ask := v.Get(action + "?" + url.Values{"id": ids}.Encode())
		if form := ask.Page(t).Form("form.form"); len(form["id"]) != len(ids) || !strings.Contains(ask.Body, "A restore could not know") {
			t.Errorf("%s asks %v: %s", action, form, ask.Body)
		}
		before := len(c.Events("acme"))
		if a := v.Send(action, url.Values{"id": ids}); a.Status != http.StatusSeeOther || a.Location != list && list != ordersPath {
			t.Errorf("%s: %d %s", action, a.Status, a.Location)
		}
		if made := len(c.Events("acme")) - before; made != len(ids) {
			t.Errorf("%s: %d events for %d", action, made, len(ids))
		}
		if page := v.Get(list).Page(t); page.Has(button) || page.Has(basic) || page.Has(".mark.amber") {
			t.Errorf("%s is still marked", list)
		}
	}
}
