import { schemaFiles } from '../../schema-files.ts';

/** One file for each published schema. */
export function getStaticPaths() {
  return [...schemaFiles.keys()].map((name) => ({ params: { name: `${name}.schema` } }));
}

/** The schema as it is published with the command. */
export function GET({ params }: { params: { name: string } }): Response {
  return new Response(schemaFiles.get(params.name.replace(/\.schema$/, '')), {
    headers: { 'content-type': 'application/schema+json' },
  });
}
