import { XmlShapeSerializer } from '@aws-sdk/core/protocols';
import type { ServiceSpec } from '../services.ts';
import type { OperationModel } from './model.ts';

const DATE_TIME = 5;

const ESCAPES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
};
/** Also drops the control characters that XML 1.0 can't hold at all. */
export const escapeXml = (text: string): string =>
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must go
  text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, '').replace(/[&<>"']/g, (c) => ESCAPES[c] ?? c);

/** The response of the AWS query protocol: the output's members inside `<OperationResult>`. */
export function writeQueryResponse(
  spec: ServiceSpec,
  operation: OperationModel,
  output: unknown,
  requestId: string,
): string {
  const { name } = operation;
  const result = operation.output.isStructSchema()
    ? `<${name}Result>${members(operation, output ?? {}, spec)}</${name}Result>`
    : '';
  return (
    `<${name}Response xmlns="${spec.xmlNamespace}">${result}` +
    `<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></${name}Response>`
  );
}

function members(operation: OperationModel, output: unknown, spec: ServiceSpec): string {
  const serializer = new XmlShapeSerializer({
    timestampFormat: { useTrait: true, default: DATE_TIME },
    xmlNamespace: '',
    serviceNamespace: spec.xmlNamespace ?? '',
  });
  serializer.write(operation.output, output);
  const element = String(serializer.flush());
  // The serializer names the root after the shape; the protocol wants the operation's name.
  return element.endsWith('/>') && !element.includes('</')
    ? ''
    : element.slice(element.indexOf('>') + 1, element.lastIndexOf('</'));
}

export const queryError = (spec: ServiceSpec, error: ErrorText): string =>
  `<ErrorResponse xmlns="${spec.xmlNamespace}"><Error><Type>${error.fault}</Type>` +
  `<Code>${escapeXml(error.code)}</Code><Message>${escapeXml(error.message)}</Message></Error>` +
  `<RequestId>${error.requestId}</RequestId></ErrorResponse>`;

export const s3Error = (error: ErrorText & { resource: string }): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${escapeXml(error.code)}</Code>` +
  `<Message>${escapeXml(error.message)}</Message><Resource>${escapeXml(error.resource)}</Resource>` +
  `<RequestId>${error.requestId}</RequestId><HostId>local</HostId></Error>`;

export interface ErrorText {
  code: string;
  message: string;
  fault: 'Sender' | 'Receiver';
  requestId: string;
}
