package templates_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"claviger/templates"
)

// BenchmarkManageAPI renders a page of fifty tokens, each used in every hour: what is left
// of web's BenchmarkManagePage when nothing is asked of the store and nothing compressed.
func BenchmarkManageAPI(b *testing.B) {
	view := sampleManage()
	view.Tokens.Folded = nil
	view.Tokens.Rows = manyRows(50)
	page := templates.ManageAPI(view)
	var body bytes.Buffer
	b.ReportAllocs()
	for b.Loop() {
		body.Reset()
		if err := page.Render(b.Context(), &body); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(body.Len()), "bytes/page")
}

// manyRows are tokens with ids as long as real ones, and with every act of an active token.
func manyRows(n int) []templates.TokenRow {
	rows := make([]templates.TokenRow, n)
	for i := range rows {
		row := sampleRows()[0]
		row.ID = fmt.Sprintf("tok_%026d", i)
		at := sampleBase + "/tokens/" + row.ID
		row.Href, row.RenameURL, row.PauseAction, row.ReplaceURL = at, at+"/rename", at+"/pause", at+"/replace"
		row.RevokeURL = sampleBase + "/tokens/revoke?id=" + row.ID
		row.LastUsed, row.ExpiresSoon = ago(time.Duration(i)*time.Minute), false
		row.Spark = make([]int64, 24)
		for hour := range row.Spark {
			row.Spark[hour] = int64(hour + 1)
		}
		rows[i] = row
	}
	return rows
}
