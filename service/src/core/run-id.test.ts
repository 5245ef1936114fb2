// Derived run ids: R-START-2.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { deriveRunId } from './run-id.ts';

const namespaceId = '01890a5d-ac96-774b-bcce-b302099a8057';
const requestId = '0192f3c4-5b6a-7d8e-9f01-23456789abcd';

test('R-START-2 one request always makes the same run', () => {
  // Computed by another program from the layout in run-id.ts.
  expect(deriveRunId(namespaceId, 'order-7', requestId)).toBe('0192f3c4-5b6a-70d9-8f65-7352b0d86128');
  expect(deriveRunId(namespaceId, 'order-7', requestId.toUpperCase())).toBe('0192f3c4-5b6a-70d9-8f65-7352b0d86128');
});

test('it is a UUIDv7 with the time of the request', () => {
  fc.assert(
    fc.property(fc.uuid({ version: 7 }), fc.string(), fc.uuid(), (request, workflowId, namespace) => {
      const runId = deriveRunId(namespace, workflowId, request);
      expect(runId).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      expect(runId.slice(0, 13)).toBe(request.slice(0, 13));
    }),
  );
});

test('another namespace, workflow or request makes another run', () => {
  const ids = [
    deriveRunId(namespaceId, 'order-7', requestId),
    deriveRunId('01890a5d-ac96-774b-bcce-b302099a8058', 'order-7', requestId),
    deriveRunId(namespaceId, 'order-8', requestId),
    deriveRunId(namespaceId, 'order-7', '0192f3c4-5b6a-7d8e-9f01-23456789abce'),
    // What stands between the parts keeps them apart.
    deriveRunId(`${namespaceId}o`, 'rder-7', requestId),
  ];
  expect(new Set(ids).size).toBe(ids.length);
});
