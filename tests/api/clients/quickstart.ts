// The quick start with types that were generated from the description: type-checked and run by a test.
import createClient from "openapi-fetch";
import type { components, paths } from "./api";

type Problem = components["schemas"]["Problem"];

function need(holds: unknown, what: string): asserts holds {
  if (!holds) throw new Error(what);
}

export async function run(baseUrl: string, token: string): Promise<void> {
  const client = createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${token}` } });
  const installed = await client.POST("/api/v1/extensions/{slug}/install/", { params: { path: { slug: "http_api" } } });
  need(installed.data?.installed, "the connector is installed");

  const resource = await client.POST("/api/v1/resources/", {
    body: { name: "Shop", type: "http_api", credentials: { production: { url: "https://shop.example.org/customers" } } },
  });
  need(resource.data, "the resource is made");

  const header = { "Idempotency-Key": crypto.randomUUID() };
  const body = { name: "Customers", resource: resource.data.id, mapping: { id: "profile@id" } };
  const made = await client.POST("/api/v1/destinations/", { params: { header }, body });
  const again = await client.POST("/api/v1/destinations/", { params: { header }, body });
  need(made.data && again.data?.id === made.data.id, "a key is one destination");

  const path = { id: "ada" };
  const stored = await client.PUT("/api/v1/profiles/{id}/", { params: { path }, body: { id: "ada", stats: { visits: 3 } } });
  need(stored.response.status === 201, "the profile is stored");
  const preview = await client.POST("/api/v1/destinations/{id}/preview/", {
    params: { path: { id: made.data.id } },
    body: { profile: "ada" },
  });
  need(JSON.stringify(preview.data?.payload) === '{"id":"ada"}', "the payload is as mapped");

  const found = await client.GET("/api/v1/destinations/", { params: { query: { search: "custom", ordering: "-name" } } });
  need(found.data?.results.length === 1, "it is found by its name");
  // @ts-expect-error: there is no such order
  const refused = await client.GET("/api/v1/destinations/", { params: { query: { ordering: "secrets" } } });
  const problem: Problem | undefined = refused.error;
  need(problem?.errors?.[0]?.parameter === "ordering", "the problem says where it is");
}
