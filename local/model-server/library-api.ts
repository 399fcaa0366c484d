import type { ServerResponse } from 'node:http';
import { abortWhenClosed, Refusal } from './http.ts';
import type { ModelFolder } from './library.ts';

/** Whether a request is one that changes the models on the disk. */
export const isChange = (method: string, path: string): boolean =>
  path === '/api/delete'
    ? method === 'DELETE'
    : method === 'POST' && (path === '/api/pull' || path === '/api/copy');

/** Carries one out. @param onDeleted told of the name, as it is listed */
export async function changeModels(
  folder: ModelFolder,
  path: string,
  body: Record<string, unknown>,
  response: ServerResponse,
  onDeleted: (model: string) => void,
): Promise<void> {
  const text = (value: unknown): string => String(value ?? '');
  const model = text(body.model ?? body.name);
  if (path === '/api/delete') {
    const name = await folder.find(model);
    if (name === undefined || !(await folder.delete(model)))
      throw new Refusal(404, `model '${model}' not found`);
    onDeleted(name);
    return void response.writeHead(200).end();
  }
  if (path === '/api/copy') {
    const [from, to] = [text(body.source), text(body.destination)];
    if (!(await folder.copy(from, to))) throw new Refusal(404, `model "${from}" not found`);
    return void response.writeHead(200).end();
  }
  const gone = abortWhenClosed(response);
  const say = (line: object) => void response.write(`${JSON.stringify(line)}\n`);
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  await folder
    .pull(model, body.insecure === true, say, gone)
    .catch((error: Error) => gone.aborted || say({ error: error.message }));
  response.end();
}
