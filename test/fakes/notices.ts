import type { Notices } from '../../adapters/aws/notices.ts';
import type { Seconds } from '../../core/scaling/types.ts';
import { type Notice, noticeKey } from '../../core/spot/notices.ts';
import { Recorder } from './recorder.ts';

/** Notices in memory. */
export class FakeNotices extends Recorder implements Notices {
  readonly kept = new Map<string, Map<string, Notice>>();

  async add(fleet: string, notice: Notice): Promise<boolean> {
    this.enter('add', fleet, notice);
    const notices = this.kept.get(fleet) ?? new Map<string, Notice>();
    this.kept.set(fleet, notices);
    const key = `${notice.at}#${noticeKey(notice)}`;
    if (notices.has(key)) return false;
    notices.set(key, structuredClone(notice));
    return true;
  }

  async list(fleet: string, since: Seconds): Promise<Notice[]> {
    this.enter('list', fleet, since);
    return [...(this.kept.get(fleet)?.values() ?? [])].filter(({ at }) => at >= since);
  }
}
