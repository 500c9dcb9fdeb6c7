package web

// language is how an API is called in one language; URL stands for the address.
type language struct{ name, token, basic, query string }

// languages are those of the snippets, in the order of their tabs.
var languages = []language{
	{
		name: "curl",
		token: `curl -H "Authorization: Bearer $TOKEN" \
     URL`,
		basic: `curl --user "$USERNAME:$PASSWORD" \
     URL`,
		query: `curl "URL?access_token=$TOKEN"`,
	},
	{
		name: "JavaScript",
		token: `const response = await fetch("URL", {
  headers: { Authorization: "Bearer " + process.env.TOKEN },
});
console.log(response.status, await response.text());`,
		basic: `const basic = btoa(process.env.USERNAME + ":" + process.env.PASSWORD);
const response = await fetch("URL", {
  headers: { Authorization: "Basic " + basic },
});
console.log(response.status, await response.text());`,
		query: `const response = await fetch("URL?access_token=" + process.env.TOKEN);
console.log(response.status, await response.text());`,
	},
	{
		name: "Python",
		token: `import os
from urllib.request import Request, urlopen

request = Request("URL")
request.add_header("Authorization", "Bearer " + os.environ["TOKEN"])
with urlopen(request) as response:
    print(response.status, response.read().decode())`,
		basic: `import base64, os
from urllib.request import Request, urlopen

pair = os.environ["USERNAME"] + ":" + os.environ["PASSWORD"]
request = Request("URL")
request.add_header("Authorization", "Basic " + base64.b64encode(pair.encode()).decode())
with urlopen(request) as response:
    print(response.status, response.read().decode())`,
		query: `import os
from urllib.request import urlopen

with urlopen("URL?access_token=" + os.environ["TOKEN"]) as response:
    print(response.status, response.read().decode())`,
	},
	{
		name: "Go",
		token: `package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
)

func main() {
	request, err := http.NewRequest("GET", "URL", nil)
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+os.Getenv("TOKEN"))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	fmt.Println(response.StatusCode, string(body), err)
}`,
		basic: `package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
)

func main() {
	request, err := http.NewRequest("GET", "URL", nil)
	if err != nil {
		log.Fatal(err)
	}
	request.SetBasicAuth(os.Getenv("USERNAME"), os.Getenv("PASSWORD"))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	fmt.Println(response.StatusCode, string(body), err)
}`,
		query: `package main

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
)

func main() {
	response, err := http.Get("URL?access_token=" + os.Getenv("TOKEN"))
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	fmt.Println(response.StatusCode, string(body), err)
}`,
	},
	{
		name: "PowerShell",
		token: `$response = Invoke-WebRequest -Uri "URL" -Headers @{
  Authorization = "Bearer $env:TOKEN"
}
$response.StatusCode
$response.Content`,
		basic: `$pair = [Text.Encoding]::UTF8.GetBytes("$($env:USERNAME):$($env:PASSWORD)")
$response = Invoke-WebRequest -Uri "URL" -Headers @{
  Authorization = "Basic " + [Convert]::ToBase64String($pair)
}
$response.StatusCode
$response.Content`,
		query: `$response = Invoke-WebRequest -Uri ("URL?access_token=" + $env:TOKEN)
$response.StatusCode
$response.Content`,
	},
}
